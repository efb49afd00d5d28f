import { describeBackend } from "../testing/backend-suite.ts";
import { MemoryBackend } from "./memory.ts";

describeBackend("MemoryBackend", async () => new MemoryBackend());
