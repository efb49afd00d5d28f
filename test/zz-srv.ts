import { mkdtempSync } from "node:fs";
import { startMinio } from "./servers/minio.ts";
import { startRadosgw } from "./servers/radosgw.ts";
const folder = mkdtempSync("/work/scratch/s3/srv-");
const m = await startMinio(folder); const r = await startRadosgw(folder);
console.log(`MINIO=${m.endpoint} CEPH=${r.endpoint} CONF=${folder}/ceph/ceph.conf`);
process.on("SIGTERM", async () => { await m.stop(); await r.stop(); process.exit(0); });
setInterval(() => {}, 1000);
