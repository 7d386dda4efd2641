import { test } from "vitest";
import { wrongSecrets } from "../../demo/wrong-secrets.ts";

const affinitySecret = "a-secret-of-more-than-32-bytes-for-the-demo";
const adminToken = "token-of-the-demo";

test("the demo starts with secrets that the router takes", ({ expect }) => {
  expect(wrongSecrets({ affinitySecret, adminToken })).toBeNull();
});

test("the demo says at once which secret the router would refuse, and not what it is", ({
  expect,
}) => {
  const token = wrongSecrets({ affinitySecret, adminToken: "tiny" });
  expect(token).toContain("ADMIN_TOKEN must be at least 16");
  expect(token).not.toContain("tiny");
  const both = wrongSecrets({ affinitySecret: "small", adminToken: "tiny" });
  expect(both).toMatch(/AFFINITY_SECRET must be [^]*ADMIN_TOKEN must be /);
  expect(both).not.toMatch(/small|tiny/);
});
