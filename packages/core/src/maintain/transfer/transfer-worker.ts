import { serveTasks } from "../../workers/serve-tasks.ts";
import { prepareTransfer } from "./prepare-transfer.ts";

serveTasks(prepareTransfer);
