import { openRepository, type Backend } from "@tsbak/core";
import { TestingRepository } from "@tsbak/core/testing";

/** Put a key that opens in no time with the same password in the place of the one that opens a repository. */
export async function letOpenQuickly(backend: Backend, password: string): Promise<void> {
  const repository = await openRepository(backend, { password });
  await new TestingRepository(repository).addPassword(password);
  await repository.backend.remove({ kind: "key", name: repository.keyId });
}
