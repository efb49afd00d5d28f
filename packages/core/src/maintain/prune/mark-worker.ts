import { serveTasks } from "../../workers/serve-tasks.ts";
import { prepareMarking } from "./prepare-marking.ts";

serveTasks(prepareMarking);
