import type { ApplicationKey } from "./keys.ts";
import type { B2Fake } from "./start-b2-fake.ts";

/** The environment in which rclone knows a fake server as its remote `fake:`, with one of the server's keys. */
export function rcloneSettings(
  fake: B2Fake,
  key: ApplicationKey = fake.masterKey,
): Record<string, string> {
  return {
    RCLONE_CONFIG: "/dev/null",
    RCLONE_CONFIG_FAKE_TYPE: "b2",
    RCLONE_CONFIG_FAKE_ACCOUNT: key.id,
    RCLONE_CONFIG_FAKE_KEY: key.secret,
    RCLONE_CONFIG_FAKE_ENDPOINT: fake.endpoint,
  };
}
