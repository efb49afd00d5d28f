import { expect, test } from "vitest";

import { parseRestLocation } from "./rest-location.ts";

const environment = { RESTIC_REST_USERNAME: "env", RESTIC_REST_PASSWORD: "hidden" };

test.each([
  ["http://host/", { host: "host", port: 80 }, "/", "rest:http://host/"],
  ["http://host", { host: "host", port: 80 }, "/", "rest:http://host/"],
  ["https://host/repo", { host: "host", port: 443 }, "/repo/", "rest:https://host/repo/"],
  ["https://host:8000/a/b/", { host: "host", port: 8000 }, "/a/b/", "rest:https://host:8000/a/b/"],
  ["http://[::1]:8000/", { host: "::1", port: 8000 }, "/", "rest:http://[::1]:8000/"],
  [
    "http://host/a b/ü/",
    { host: "host", port: 80 },
    "/a%20b/%C3%BC/",
    "rest:http://host/a%20b/%C3%BC/",
  ],
  [
    "http+unix:///run/rest server.sock:/repo",
    { socketPath: "/run/rest server.sock" },
    "/repo/",
    "rest:http+unix:///run/rest%20server.sock:/repo/",
  ],
  [
    "http+unix:///run/rest.sock:",
    { socketPath: "/run/rest.sock" },
    "/",
    "rest:http+unix:///run/rest.sock:/",
  ],
])("parseRestLocation() understands %s", (text, server, path, shown) => {
  const place = parseRestLocation(text, {});

  expect(place).toMatchObject({ server, path, shown, credentials: undefined });
  expect(place.isSecure).toBe(text.startsWith("https:"));
});

test("parseRestLocation() takes user and password, and masks the password", () => {
  const place = parseRestLocation("https://me:p%40ss%3A%2F%25@host/repo/", { environment });

  expect(place.credentials).toEqual({ user: "me", password: "p@ss:/%" });
  expect(place.shown).toBe("rest:https://me:***@host/repo/");
  const onSocket = parseRestLocation("http+unix://me:secret@/run/s.sock:/repo/", { environment });
  expect(onSocket).toMatchObject({
    server: { socketPath: "/run/s.sock" },
    credentials: { user: "me", password: "secret" },
    shown: "rest:http+unix://me:***@/run/s.sock:/repo/",
  });
});

test("parseRestLocation() looks for credentials in the environment unless the location has one of them", () => {
  const credentials = (text: string, more: Record<string, string> = {}): unknown =>
    parseRestLocation(text, { environment: { ...environment, ...more } }).credentials;

  expect(credentials("http://host/")).toEqual({ user: "env", password: "hidden" });
  expect(credentials("http://host/", { TSBAK_REST_USERNAME: "ours" })).toEqual({
    user: "ours",
    password: "hidden",
  });
  expect(credentials("http://me@host/")).toEqual({ user: "me", password: "" });
  expect(credentials("http://:secret@host/")).toEqual({ user: "", password: "secret" });
});

test.each([
  "",
  "host/secret",
  "ftp://me:secret@host/",
  "http://",
  "http:///secret",
  "http://me:secret#@host/",
  "http://me:se?cret@host/",
  "http://host:99999/secret",
  "http://host/?secret",
  "http+unix:///run/secret.sock",
])("parseRestLocation() refuses %j and does not repeat it", (text) => {
  let message = "";
  try {
    parseRestLocation(text, {});
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid-argument" });
    message = String(error);
  }

  expect(message).toContain("Cannot open the repository");
  expect(message).not.toContain("secret");
});
