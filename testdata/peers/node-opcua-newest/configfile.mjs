// A client of another stack configures a server: the newest node-opcua, with
// structures that it makes from the types of its own NodeSet (1.05.07).
//
//   node configfile.mjs --url URL --user NAME --password WORD --pki DIR
//        --certificate client.pem --key client.key --uri urn:… --port N
//
// It reads the ConfigurationFile, adds a certificate group, security settings, a
// user token and an endpoint at the port, hands the file in, and confirms. Every
// step prints one line of JSON: {"step", "ok", "detail"}.
import { parseArgs } from "node:util";
import { AddressSpace, ensureDatatypeExtracted } from "node-opcua-address-space";
import { generateAddressSpace } from "node-opcua-address-space/nodeJS.js";
import { decodeArray, decodeString, encodeArray, encodeString } from "node-opcua-basic-types";
import { BinaryStream } from "node-opcua-binary-stream";
import { decodeExtensionObject, encodeExtensionObject } from "node-opcua-extension-object";
import { EndpointDataType, ServerEndpointDataType } from "node-opcua-types";
import {
  AttributeIds, DataType, MessageSecurityMode, OPCUACertificateManager, OPCUAClient, SecurityPolicy, UserTokenType, Variant,
  VariantArrayType, makeBrowsePath, nodesets, resolveNodeId,
} from "node-opcua";

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

const space = AddressSpace.create();
await generateAddressSpace(space, [nodesets.standard]);
space.registerNamespace("urn:peer");
await ensureDatatypeExtracted(space);
const make = (type, fields) => space.constructExtensionObject(space.findDataType(type), fields);

// node-opcua gives ServerEndpointDataType the inherited RecordProperties a second
// time. The definition of i=15558 in its own NodeSet has no such field, so these
// five fields are coded here, as the definition has them.
function correctServerEndpoint() {
  if (ServerEndpointDataType.schema.fields[0].name !== "recordProperties") return false;
  ServerEndpointDataType.prototype.encode = function (stream) {
    EndpointDataType.prototype.encode.call(this, stream);
    encodeArray(this.endpointUrls, stream, encodeString);
    encodeArray(this.securitySettingNames, stream, encodeString);
    encodeString(this.transportProfileUri, stream);
    encodeArray(this.userTokenSettingNames, stream, encodeString);
    encodeArray(this.reverseConnectUrls, stream, encodeString);
  };
  ServerEndpointDataType.prototype.decode = function (stream) {
    EndpointDataType.prototype.decode.call(this, stream);
    this.endpointUrls = decodeArray(stream, decodeString);
    this.securitySettingNames = decodeArray(stream, decodeString);
    this.transportProfileUri = decodeString(stream);
    this.userTokenSettingNames = decodeArray(stream, decodeString);
    this.reverseConnectUrls = decodeArray(stream, decodeString);
  };
  return true;
}

const decode = (bytes) => {
  const stream = new BinaryStream(bytes);
  const object = decodeExtensionObject(stream);
  expect(stream.length === bytes.length, `${stream.length} of ${bytes.length} bytes are decoded`);
  return object;
};

function encode(object) {
  const stream = new BinaryStream(1 << 20);
  encodeExtensionObject(object, stream);
  return Buffer.from(stream.buffer.subarray(0, stream.length));
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

await step("corrected", async () => correctServerEndpoint());
await step("decode", async () => {
  let bytes;
  await withSession(async (session) => {
    base = await version(session);
    bytes = await readFile(session);
  });
  file = decode(bytes);
  const application = file.body.value;
  expect(application.schema.name === "ApplicationConfigurationDataType", `the body is a ${application.schema.name}`);
  return { version: base, bytes: bytes.toString("hex"), again: encode(file).toString("hex"), application };
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
