import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { S3Server } from "./s3-server.ts";
import { freePort, startServer, waitForHttp, type ServerProcess } from "./server-process.ts";

/** Ceph's S3 server, and a way to make more users. */
export interface Radosgw extends S3Server {
  /** Make a user who has nothing but these keys. */
  addUser(id: string, accessKeyId: string, secretAccessKey: string): void;
}

/** The system's own Python first: Ceph's tools do not run on another. */
const PATH = `/usr/bin:/bin:/usr/sbin:/sbin:${process.env.PATH ?? ""}`;

/** The smallest Ceph that there can be, on the loopback: a monitor, one store of objects, which keeps them in memory, and radosgw. */
export async function startRadosgw(folder: string): Promise<Radosgw> {
  const root = join(folder, "ceph");
  for (const name of ["mon", "osd", "rgw", "run"]) mkdirSync(join(root, name), { recursive: true });
  const [accessKeyId, secretAccessKey] = ["radosgw-test", "radosgw-test-secret"];
  const [monitor, port] = [`v2:127.0.0.1:${await freePort()}`, await freePort()];
  const id = randomUUID();
  const config = join(root, "ceph.conf");
  writeFileSync(config, configOf(root, id, monitor, port));
  const run = (program: string, ...args: string[]): void => {
    const env = { PATH, CEPH_CONF: config };
    execFileSync(program, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  };
  const started: ServerProcess[] = [];
  const start = (program: string, ...args: string[]): void => {
    const logFile = join(root, `${program}.out`);
    const env = { PATH, CEPH_CONF: config };
    started.unshift(startServer(program, ["-f", "-c", config, ...args], { logFile, env }));
  };

  makeKeys(run, root);
  run("monmaptool", "--create", "--fsid", id, "--addv", "a", `[${monitor}]`, join(root, "monmap"));
  const monitorFiles = ["--monmap", join(root, "monmap"), "--keyring", join(root, "keyring")];
  run("ceph-mon", "-c", config, "--mkfs", "-i", "a", ...monitorFiles);
  start("ceph-mon", "-i", "a");
  run("ceph", "auth", "import", "-i", join(root, "keyring"));
  const store = randomUUID();
  run("ceph", "osd", "new", store);
  run("ceph-osd", "-c", config, "-i", "0", "--mkfs", "--osd-uuid", store);
  start("ceph-osd", "-i", "0");
  run("ceph", "osd", "crush", "add", "osd.0", "1", "root=default", "host=h");
  const addUser = (user: string, key: string, secret: string): void => {
    const keys = ["--access-key", key, "--secret", secret];
    run("radosgw-admin", "user", "create", "--uid", user, "--display-name", user, ...keys);
  };
  addUser("test", accessKeyId, secretAccessKey);
  start("radosgw", "-n", "client.rgw", "--keyring", join(root, "keyring"));
  const endpoint = `http://127.0.0.1:${port}`;
  await waitForHttp(endpoint, join(root, "radosgw.out"));
  return {
    name: "Ceph radosgw",
    ...{ endpoint, accessKeyId, secretAccessKey, addUser },
    stop: async () => {
      for (const server of started) await server.stop();
    },
  };
}

type Run = (program: string, ...args: string[]) => void;

/** Without keys radosgw does not start. */
function makeKeys(run: Run, root: string): void {
  const keyring = join(root, "keyring");
  const all = ["--cap", "mon", "allow *", "--cap", "osd", "allow *"];
  run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", ...all.slice(0, 3));
  run("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", ...all);
  run("ceph-authtool", keyring, "--gen-key", "-n", "client.rgw", ...all);
  const store = ["--cap", "mon", "allow profile osd", "--cap", "osd", "allow *"];
  run("ceph-authtool", keyring, "--gen-key", "-n", "osd.0", ...store);
}

/** The times and grace periods are what makes it start in two seconds instead of ten. */
function configOf(root: string, id: string, monitor: string, port: number): string {
  return `[global]
fsid = ${id}
mon_host = [${monitor}]
mon_initial_members = a
public_network = 127.0.0.0/8
cluster_network = 127.0.0.0/8
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_memory_target = 939524096
run_dir = ${root}/run
admin_socket = ${root}/run/$cluster-$name.asok
log_file = ${root}/$name.log
pid_file = ${root}/run/$name.pid
mon_data = ${root}/mon
osd_data = ${root}/osd
keyring = ${root}/keyring
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
paxos_propose_interval = 0.02
paxos_min_wait = 0.01
mon_tick_interval = 1
mon_osd_boot_grace = 1
rgw_rados_pool_pg_num_min = 1
ms_bind_ipv6 = false
ms_bind_msgr1 = false
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:${port}
rgw_data = ${root}/rgw
rgw_thread_pool_size = 32
rgw_enable_usage_log = false
`;
}
