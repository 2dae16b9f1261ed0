// A client of another stack configures a server: the newest node-opcua, with
// structures that it makes from the definitions in its own NodeSet.
//
//   node configfile.mjs --url URL --user NAME --password WORD --pki DIR
//        --certificate client.pem --key client.key --uri urn:… --port N
//
// It reads the ConfigurationFile, adds a certificate group, security settings, a
// user token and an endpoint at the port, hands the file in, and confirms. Every
// step prints one line of JSON: {"step", "ok", "detail"}.
import { parseArgs } from "node:util";
import {
  AttributeIds, DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAClient, SecurityPolicy, UserTokenType, Variant,
  VariantArrayType, makeBrowsePath, resolveNodeId,
} from "node-opcua";
import { decode, encode, faulty, make } from "./structures.mjs";

const names = ["url", "user", "password", "pki", "certificate", "key", "uri", "port"];
const { values: options } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });

function expect(condition, text) {
  if (!condition) throw new Error(text);
}

async function step(name, work) {
  try {
    const detail = await work();
    console.log(JSON.stringify({ step: name, ok: true, detail: detail ?? "" }, (key, value) => (key === "schema" ? undefined : value)));
  } catch (error) {
    console.log(JSON.stringify({ step: name, ok: false, detail: String(error?.stack ?? error) }));
    process.exit(0); // the steps build on one another
  }
}

const clientCertificateManager = new OPCUACertificateManager({ rootFolder: options.pki, automaticallyAcceptUnknownCertificate: true });
await clientCertificateManager.initialize();

async function withSession(work) {
  const client = OPCUAClient.create({
    applicationUri: options.uri,
    clientName: "node-opcua",
    clientCertificateManager,
    certificateFile: options.certificate,
    privateKeyFile: options.key,
    securityPolicy: SecurityPolicy.Aes256_Sha256_RsaPss,
    securityMode: MessageSecurityMode.SignAndEncrypt,
    endpointMustExist: false,
    connectionStrategy: { maxRetry: 0, initialDelay: 100 },
  });
  await client.connect(options.url);
  try {
    const session = await client.createSession({ type: UserTokenType.UserName, userName: options.user, password: options.password });
    const result = await work(session);
    await session.close().catch(() => {}); // the server may have cut the channel
    return result;
  } finally {
    await client.disconnect();
  }
}

async function nodeAt(session, path) {
  const result = await session.translateBrowsePath(makeBrowsePath("i=12637", path));
  expect(result.statusCode.isGood(), `${path}: ${result.statusCode.name}`);
  return result.targets[0].targetId;
}

async function call(session, method, ...inputArguments) {
  const result = await session.call({
    objectId: await nodeAt(session, "/ConfigurationFile"), methodId: await nodeAt(session, `/ConfigurationFile/${method}`), inputArguments,
  });
  expect(result.statusCode.isGood(), `${method}: ${result.statusCode.name} ${(result.inputArgumentResults ?? []).map((r) => r.name)}`);
  return (result.outputArguments ?? []).map((output) => output.value);
}

async function version(session) {
  const value = await session.read({ nodeId: await nodeAt(session, "/ConfigurationFile/CurrentVersion"), attributeId: AttributeIds.Value });
  expect(value.statusCode.isGood(), `CurrentVersion: ${value.statusCode.name}`);
  return value.value.value;
}

const byte = (value) => ({ dataType: DataType.Byte, value });
const uint32 = (value) => ({ dataType: DataType.UInt32, value });
const duration = (value) => ({ dataType: DataType.Double, value });

async function readFile(session) {
  const [handle] = await call(session, "Open", byte(1));
  const pieces = [];
  for (;;) {
    const [piece] = await call(session, "Read", uint32(handle), { dataType: DataType.Int32, value: 30_000 });
    if (!piece?.length) break;
    pieces.push(piece);
  }
  await call(session, "Close", uint32(handle));
  return Buffer.concat(pieces);
}

// added puts one record of each kind at the end of its list.
function added(application) {
  const url = `opc.tcp://127.0.0.1:${options.port}`;
  const none = { recordProperties: [] };
  const policy = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
  const records = {
    certificateGroups: {
      name: "PeerGroup", ...none, purpose: resolveNodeId("i=12557"), certificateTypes: [resolveNodeId("i=12560")],
      isCertificateAssigned: [false], validationOptions: 64,
    },
    securitySettings: { name: "peer-security", ...none, securityModes: [3], securityPolicyUris: [policy], certificateGroupName: "PeerGroup" },
    userTokenSettings: {
      name: "peer-users", ...none, tokenType: 1, issuedTokenType: null, issuerEndpointUrl: null, securityPolicyUri: policy,
      certificateGroupName: null, authorizationServiceName: null,
    },
    serverEndpoints: {
      name: "peer-endpoint", ...none, discoveryUrls: [url], networkName: "127.0.0.1", port: Number(options.port), endpointUrls: [url],
      securitySettingNames: ["peer-security"], transportProfileUri: "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary",
      userTokenSettingNames: ["peer-users"], reverseConnectUrls: [],
    },
  };
  const types = {
    certificateGroups: "CertificateGroupDataType", securitySettings: "SecuritySettingsDataType",
    userTokenSettings: "UserTokenSettingsDataType", serverEndpoints: "ServerEndpointDataType",
  };
  return Object.entries(records).map(([list, record]) => {
    application[list] = [...(application[list] ?? []), make(types[list], record)];
    const path = `${list[0].toUpperCase()}${list.slice(1)}.[${application[list].length - 1}]`;
    return make("ConfigurationUpdateTargetType", { path, updateType: 1 });
  });
}

let file, base, updateId;

await step("faulty", async () => faulty);
await step("decode", async () => {
  let bytes;
  await withSession(async (session) => {
    base = await version(session);
    bytes = await readFile(session);
  });
  file = decode(bytes);
  const application = file.body.value;
  return { type: application.schema.name, version: base, bytes: bytes.toString("hex"), again: encode(file).toString("hex"), namespaces: file.namespaces, application };
});
await step("update", async () => withSession(async (session) => {
  const targets = added(file.body.value);
  const [handle] = await call(session, "Open", byte(3));
  await call(session, "Write", uint32(handle), { dataType: DataType.ByteString, value: encode(file) });
  const [results, newVersion, id] = await call(session, "CloseAndUpdate", uint32(handle), uint32(base),
    new Variant({ dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Array, value: targets }), duration(60_000), duration(0));
  expect(results.length === targets.length && results.every((r) => r.name === "GoodEntryInserted"), `UpdateResults: ${results.map((r) => r.name)}`);
  updateId = id;
  return { results: results.map((r) => r.name), newVersion, updateId };
}));
await step("confirm", async () => {
  for (const deadline = Date.now() + 20_000; ; ) {
    try {
      return await withSession((session) => call(session, "ConfirmUpdate", { dataType: DataType.Guid, value: updateId }));
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
});
await step("read again", async () => withSession(async (session) => {
  const application = decode(await readFile(session)).body.value;
  const has = (list, name) => expect(application[list].some((record) => record.name === name), `${list} has no ${name}`);
  has("certificateGroups", "PeerGroup");
  has("securitySettings", "peer-security");
  has("userTokenSettings", "peer-users");
  has("serverEndpoints", "peer-endpoint");
  return { version: await version(session) };
}));
process.exit(0);
