// A client of another stack: node-opcua with its push-management client, as a
// judge of the embedded server.
//
//   node client.mjs --url URL --user NAME --password WORD --pki DIR
//        --certificate client.pem --key client.key --uri urn:…
//        --ca ca.der --crl ca.crl --signer http://…
//
// The certificate is the client's own. The signer turns a certification request
// that is posted to it into a certificate of the CA; both are DER. Every step
// prints one line of JSON: {"step", "ok", "detail"}.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import opcua from "node-opcua";
import configuration from "node-opcua-server-configuration";
import types from "node-opcua-types";
import binaryStream from "node-opcua-binary-stream";

const {
  AttributeIds, BrowseDirection, DataType, MessageSecurityMode, NodeClass, OPCUACertificateManager, OPCUAClient, SecurityPolicy,
  UserTokenType, resolveNodeId,
} = opcua;
const { ClientPushCertificateManagement } = configuration;
const { TrustListDataType } = types;
const { BinaryStream } = binaryStream;

const names = ["url", "user", "password", "pki", "certificate", "key", "uri", "ca", "crl", "signer"];
const { values: options } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });

const group = resolveNodeId("i=14156"); // DefaultApplicationGroup
const type = resolveNodeId("i=12560"); // RsaSha256ApplicationCertificateType
const serverConfiguration = resolveNodeId("i=12637");
const user = { type: UserTokenType.UserName, userName: options.user, password: options.password };
const ca = readFileSync(options.ca);
const crl = readFileSync(options.crl);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function step(name, work) {
  let line;
  try {
    line = { step: name, ok: true, detail: (await work()) ?? "" };
  } catch (error) {
    line = { step: name, ok: false, detail: String(error?.stack ?? error) };
  }
  console.log(JSON.stringify(line));
}

function expect(condition, text) {
  if (!condition) throw new Error(text);
}

const clientCertificateManager = new OPCUACertificateManager({ rootFolder: options.pki, automaticallyAcceptUnknownCertificate: true });
await clientCertificateManager.initialize();
await clientCertificateManager.addIssuer(ca);
await clientCertificateManager.addRevocationList(crl);
await clientCertificateManager.trustCertificate(ca);

function clientFor(policy, mode, more = {}) {
  return OPCUAClient.create({
    applicationUri: options.uri,
    clientName: "node-opcua",
    clientCertificateManager,
    certificateFile: options.certificate,
    privateKeyFile: options.key,
    securityPolicy: policy,
    securityMode: mode,
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0, initialDelay: 100 },
    ...more,
  });
}

async function connected(client, work) {
  await client.connect(options.url);
  try {
    return await work(client);
  } finally {
    await client.disconnect();
  }
}

function withSession(work, policy = SecurityPolicy.Basic256Sha256, mode = MessageSecurityMode.SignAndEncrypt, more = {}) {
  return connected(clientFor(policy, mode, more), async (client) => {
    const session = await client.createSession(user);
    try {
      return await work(session, client);
    } finally {
      await session.close().catch(() => {}); // the server may have cut the channel
    }
  });
}

async function readTime(session) {
  const time = await session.read({ nodeId: "i=2258", attributeId: AttributeIds.Value });
  expect(time.statusCode.isGood() && time.value.value instanceof Date, `CurrentTime: ${time}`);
}

// discover lists the offers, and every server that there is.
async function discover() {
  return connected(clientFor(SecurityPolicy.None, MessageSecurityMode.None), async (client) => {
    const servers = await client.findServers();
    expect(servers.length > 0 && servers[0].discoveryUrls.length > 0, "FindServers returns no server");
    const endpoints = await client.getEndpoints();
    return {
      applicationUris: servers.map((server) => server.applicationUri),
      endpoints: endpoints.map((e) => ({
        policy: e.securityPolicyUri, mode: MessageSecurityMode[e.securityMode], certificate: sha256(leafOf(e.serverCertificate)),
      })),
    };
  });
}

// leafOf cuts the first certificate out of a chain: DER with a length of two bytes.
function leafOf(chain) {
  return chain?.length > 4 ? chain.subarray(0, 4 + chain.readUInt16BE(2)) : Buffer.alloc(0);
}

// renew reads without pause while the token of the channel changes.
async function renew() {
  const lifetime = 4000; // ms; shorter ones expire on a machine that is busy
  return withSession(async (session, client) => {
    let renewed = 0;
    let reads = 0;
    client.on("security_token_renewed", () => renewed++);
    const deadline = Date.now() + 60_000;
    while (renewed < 2) {
      expect(Date.now() < deadline, `${renewed} renewals in 60 s`);
      await Promise.all([1, 2, 3, 4].map(() => readTime(session)));
      reads += 4;
    }
    return { renewed, reads };
  }, SecurityPolicy.Aes256_Sha256_RsaPss, MessageSecurityMode.SignAndEncrypt, { defaultSecureTokenLifetime: lifetime });
}

// chunks sends and receives more than fits into one chunk of 64 KiB.
async function chunks() {
  return withSession(async (session) => {
    const request = [];
    for (let i = 0; i < 500; i++) {
      request.push({ nodeId: "i=2256", attributeId: AttributeIds.Value }); // ServerStatus
      request.push({ nodeId: `ns=1;s=${"nowhere".repeat(40)}`, attributeId: AttributeIds.Value });
    }
    const values = await session.read(request);
    expect(values.length === request.length, `${values.length} values for ${request.length} nodes`);
    for (let i = 0; i < values.length; i += 2) {
      expect(values[i].statusCode.isGood() && values[i].value.value.buildInfo, `value ${i} is ${values[i]}`);
      expect(values[i + 1].statusCode.name === "BadNodeIdUnknown", `value ${i + 1} is ${values[i + 1]}`);
    }
    return { values: values.length };
  });
}

// walk visits everything below ServerConfiguration, and reads it.
async function walk() {
  return withSession(async (session) => {
    const seen = new Set();
    const dataTypes = new Set();
    const methods = {};
    const faults = [];
    const read = async (nodeId, attributeId) => session.read({ nodeId, attributeId });
    const isDataType = async (nodeId, where) => {
      if (dataTypes.has(nodeId.toString())) return;
      dataTypes.add(nodeId.toString());
      const found = await read(nodeId, AttributeIds.NodeClass);
      if (found.value.value !== NodeClass.DataType) faults.push(`${where}: data type ${nodeId} is ${found.statusCode.name}`);
    };
    const argumentsOf = async (variable, where) => {
      const value = await read(variable, AttributeIds.Value);
      expect(value.statusCode.isGood(), `${where}: ${value.statusCode.name}`);
      for (const argument of value.value.value) {
        expect(argument.schema.name === "Argument" && argument.name, `${where}: not an Argument: ${argument}`);
        await isDataType(argument.dataType, `${where} ${argument.name}`);
      }
      return value.value.value.map((argument) => argument.name);
    };
    const visit = async (nodeId, path) => {
      if (seen.has(nodeId.toString())) return;
      seen.add(nodeId.toString());
      let result = await session.browse({ nodeId, browseDirection: BrowseDirection.Forward, referenceTypeId: "HierarchicalReferences", includeSubtypes: true, nodeClassMask: 0, resultMask: 63 });
      const references = [...(result.references ?? [])];
      while (result.continuationPoint?.length) {
        result = await session.browseNext(result.continuationPoint, false);
        references.push(...result.references);
      }
      if (result.statusCode.isNotGood()) faults.push(`${path}: browse ${result.statusCode.name}`);
      for (const reference of references) {
        const child = `${path}/${reference.browseName.name}`;
        if (reference.nodeClass === NodeClass.Method) {
          methods[child] ??= { inputs: [], outputs: [] };
        }
        if (reference.nodeClass === NodeClass.Variable) {
          const dataType = await read(reference.nodeId, AttributeIds.DataType);
          if (dataType.statusCode.isNotGood()) faults.push(`${child}: data type ${dataType.statusCode.name}`);
          else await isDataType(dataType.value.value, child);
          const value = await read(reference.nodeId, AttributeIds.Value);
          const name = reference.browseName.name;
          if (name === "InputArguments") methods[path].inputs = await argumentsOf(reference.nodeId, child);
          else if (name === "OutputArguments") methods[path].outputs = await argumentsOf(reference.nodeId, child);
          else if (value.statusCode.isNotGood()) faults.push(`${child}: value ${value.statusCode.name}`);
        }
        await visit(reference.nodeId, child);
      }
    };
    await visit(serverConfiguration, "");
    return { nodes: seen.size, dataTypes: dataTypes.size, methods, faults };
  });
}

const trustListOf = async (session) => (await new ClientPushCertificateManagement(session).getCertificateGroup("DefaultApplicationGroup")).getTrustList();
const good = (name, result) => expect((result.statusCode ?? result).isGood(), `${name}: ${(result.statusCode ?? result).name}`);

// writeTrustList calls the methods itself: writeTrustedCertificateList of 2.157
// opens the file and closes it, and writes nothing in between.
async function writeTrustList(session, list) {
  const stream = new BinaryStream(list.binaryStoreSize());
  list.encode(stream);
  const call = async (name, methodId, inputArguments) => {
    const result = await session.call({ objectId: "i=12642", methodId, inputArguments });
    good(name, result);
    return result.outputArguments?.[0]?.value;
  };
  const handle = { dataType: DataType.UInt32, value: await call("Open", "i=12647", [{ dataType: DataType.Byte, value: 6 }]) };
  await call("Write", "i=12655", [handle, { dataType: DataType.ByteString, value: stream.buffer }]);
  return call("CloseAndUpdate", "i=12666", [handle]);
}

// trust adds the CA, which is needed before anything that it certified is.
async function trust() {
  await withSession(async (session) => {
    const list = await trustListOf(session);
    const before = await list.readTrustedCertificateList();
    const required = await writeTrustList(session, new TrustListDataType({
      ...before, specifiedLists: 15,
      trustedCertificates: [...(before.trustedCertificates ?? []), ca],
      trustedCrls: [...(before.trustedCrls ?? []), crl],
    }));
    expect(required === true, `CloseAndUpdate: ApplyChangesRequired is ${required}`);
    good("ApplyChanges", await new ClientPushCertificateManagement(session).applyChanges());
  });
  return withSession(async (session) => {
    const list = await trustListOf(session);
    const whole = await list.readTrustedCertificateList();
    expect(whole.trustedCertificates.some((c) => c.equals(ca)) && whole.trustedCrls.some((c) => c.equals(crl)), "what was written is not in the list");
    const part = await list.readTrustedCertificateListWithMasks(1);
    expect(part.specifiedLists === 1 && part.trustedCertificates.length === whole.trustedCertificates.length, "OpenWithMasks(1) does not give the trusted certificates alone");
    return { trusted: whole.trustedCertificates.length };
  });
}

// update replaces the server's certificate, and comes back to see it.
async function update(regenerate) {
  const issued = await withSession(async (session) => {
    const push = new ClientPushCertificateManagement(session);
    const request = await push.createSigningRequest(group, type, null, regenerate, regenerate ? randomBytes(32) : undefined);
    good("CreateSigningRequest", request);
    const answer = await fetch(options.signer, { method: "POST", body: request.certificateSigningRequest });
    expect(answer.ok, `the signer refuses: ${answer.status} ${await answer.clone().text()}`);
    const certificate = Buffer.from(await answer.arrayBuffer());
    const updated = await push.updateCertificate(group, type, certificate, [ca]);
    good("UpdateCertificate", updated);
    expect(updated.applyChangesRequired === true, `UpdateCertificate: ApplyChangesRequired is ${updated.applyChangesRequired}`);
    good("ApplyChanges", await push.applyChanges());
    return certificate;
  });
  return withSession(async (session, client) => {
    await readTime(session);
    const shown = new Set((await client.getEndpoints()).map((e) => sha256(leafOf(e.serverCertificate))));
    expect(shown.size === 1 && shown.has(sha256(issued)), `endpoints show ${[...shown]}, not ${sha256(issued)}`);
    return { certificate: sha256(issued) };
  });
}

async function rejected() {
  return withSession(async (session) => {
    const list = await new ClientPushCertificateManagement(session).getRejectedList();
    good("GetRejectedList", list);
    return { certificates: (list.certificates ?? []).length };
  });
}

await step("discovery", discover);
for (const policy of ["Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"]) {
  for (const mode of ["Sign", "SignAndEncrypt"]) {
    await step(`session ${policy} ${mode}`, () => withSession(readTime, SecurityPolicy[policy], MessageSecurityMode[mode]));
  }
}
await step("renewal", renew);
await step("chunks", chunks);
await step("browse", walk);
await step("rejected list", rejected);
await step("trust list", trust);
await step("certificate, same key", () => update(false));
await step("certificate, new key", () => update(true));
process.exit(0);
