// fastify and BullMQ: `ingress`, `produce`, `worker` and `carry` (the whole way to a bot).
import { createHmac, timingSafeEqual } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(process.env.BENCH_NODE + "/package.json");
const { Queue, Worker } = require("bullmq");
const IORedis = require("ioredis");

const store = new URL(process.env.BENCH_STORE);
const connection = { host: store.hostname, port: Number(store.port), maxRetriesPerRequest: null };
const count = Number(process.env.BENCH_COUNT ?? 0);
const rate = Number(process.env.BENCH_RATE ?? 0);
const options = { removeOnComplete: true, removeOnFail: 1000, attempts: 5 };
const payload = "x".repeat(400);
const precise = () => (performance.timeOrigin + performance.now()) / 1000;

async function ingress() {
  const fastify = require("fastify")({ logger: false, bodyLimit: 2 << 20 });
  const queue = new Queue("bench", { connection });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  fastify.get("/health", async () => "ok");
  fastify.post("/*", async (request, reply) => {
    const at = precise();
    const { method, url, headers, body } = request;
    await queue.add("webhook", { method, url, headers, body: body.toString(), at },
      { ...options, jobId: headers["x-delivery"] });
    reply.code(202).send();
  });
  await fastify.listen({ host: "127.0.0.1", port: Number(process.env.BENCH_PORT) });
}

async function produce() {
  const queue = new Queue("bench", { connection });
  const began = performance.now(), sent = [];
  for (let number = 0; number < count; number += rate ? 1 : 500) {
    if (rate) {
      const wait = began + (number / rate) * 1000 - performance.now();
      await new Promise((go) => (wait > 0 ? setTimeout(go, wait) : setImmediate(go)));
      sent.push(queue.add("noop", { at: precise(), payload }, options));
    } else {
      const jobs = Array.from({ length: 500 }, () => ({ name: "noop", data: { at: precise(), payload }, opts: options }));
      await queue.addBulk(jobs);
    }
  }
  await Promise.all(sent);
  await queue.close();
}

function percentile(values, share) {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.min(Math.floor(ordered.length * share), ordered.length - 1)];
}

function meter() {
  const waited = [];
  let first, cpu;
  return (at) => {
    waited.push(precise() - at);
    if (waited.length === 1) [first, cpu] = [performance.now(), process.cpuUsage()];
    if (waited.length !== count) return;
    const seconds = (performance.now() - first) / 1000;
    const used = process.cpuUsage(cpu);
    const ms = (share) => Math.round(percentile(waited, share) * 1e6) / 1000;
    console.log(JSON.stringify({
      jobs: count, jobsPerSecond: Math.round(count / seconds),
      cpuUsPerJob: Math.round(((used.user + used.system) / count) * 10) / 10,
      startedAfter: { p50Ms: ms(0.5), p99Ms: ms(0.99), maxMs: ms(1) },
    }));
  };
}

async function worker() {
  const started = meter();
  new Worker("bench", async (job) => started(job.data.at), { connection, concurrency: 100 });
}

// As much as Waypost does for one request of a signed webhook: verify, find the installation, hand it to its bot.
async function carry() {
  const redis = new IORedis(connection);
  const secret = process.env.BENCH_SECRET;
  new Worker("bench", async (job) => {
    const { headers, body } = job.data;
    const expected = createHmac("sha256", secret).update(body).digest("hex");
    const given = (headers["x-signature"] ?? "").replace("sha256=", "");
    if (given.length !== expected.length || !timingSafeEqual(Buffer.from(given), Buffer.from(expected))) return;
    const event = JSON.parse(body);
    const owner = await redis.hget("installations", event.team_id);
    if (!owner) return;
    await redis.xadd(`events:${owner}`, "*", "event",
      JSON.stringify({ id: job.id, at: job.data.at, doneAt: precise(), type: "webhook", payload: event }));
  }, { connection, concurrency: 100 });
}

await { ingress, produce, worker, carry }[process.argv[2]]();
