// A server of another stack, node-opcua, configured and started. The folders of its
// versions have a server.mjs each that calls serve:
//
//   node server.mjs --port N --pki DIR --trust client.der[,other.pem] [--users user.pem,…] [--ca ca.der --crl ca.crl]
//
// The CA and its CRL are among the issuers from the start; users are certificates
// that log in as the user whom their common name names.
// Client certificates other than the trusted ones are rejected, and listed as
// such. The server prints "READY URL" when it serves, and ends when its standard
// input does.
//
// Users: secadmin / secadmin-pw has SecurityAdmin and ConfigureAdmin;
// operator / operator-pw has neither.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    port: { type: "string" },
    pki: { type: "string" },
    trust: { type: "string", default: "" },
    users: { type: "string", default: "" },
    ca: { type: "string" },
    crl: { type: "string" },
  },
});

const host = "127.0.0.1";
const applicationUri = "urn:interop:node-opcua-peer";

async function certificateManager(opcua, name) {
  const manager = new opcua.OPCUACertificateManager({
    rootFolder: path.join(options.pki, name),
    automaticallyAcceptUnknownCertificate: false,
  });
  await manager.initialize();
  return manager;
}

function derOf(file) {
  const raw = readFileSync(file);
  return raw[0] === 0x30 ? raw : Buffer.from(raw.toString().replace(/-----[^-]+-----|\s/g, ""), "base64");
}

// serve runs a server of a version; install gives it the methods of push.
export async function serve(opcua, install) {
  const { MessageSecurityMode, OPCUAServer, SecurityPolicy, WellKnownRoles, makeRoles, nodesets } = opcua;

  const users = {
    secadmin: { password: "secadmin-pw", roles: [WellKnownRoles.AuthenticatedUser, WellKnownRoles.SecurityAdmin, WellKnownRoles.ConfigureAdmin] },
    operator: { password: "operator-pw", roles: [WellKnownRoles.AuthenticatedUser, WellKnownRoles.Operator] },
  };

  const serverCertificateManager = await certificateManager(opcua, "app");
  const userCertificateManager = await certificateManager(opcua, "user");
  for (const file of options.trust.split(",").filter(Boolean)) {
    await serverCertificateManager.trustCertificate(derOf(file));
  }
  for (const file of options.users.split(",").filter(Boolean)) {
    await userCertificateManager.trustCertificate(derOf(file));
  }

  if (options.ca) {
    await serverCertificateManager.addIssuer(derOf(options.ca));
    await serverCertificateManager.addRevocationList(derOf(options.crl));
  }

  const certificateFile = path.join(serverCertificateManager.rootDir, "own/certs/certificate.pem");
  if (!existsSync(certificateFile)) {
    await serverCertificateManager.createSelfSignedCertificate({
      applicationUri,
      dns: ["localhost"],
      ip: [host],
      subject: "/CN=node-opcua-peer/O=Interop",
      startDate: new Date(Date.now() - 3600_000),
      validity: 365,
      outputFile: certificateFile,
    });
  }

  const server = new OPCUAServer({
    host,
    hostname: host,
    port: Number(options.port),
    nodeset_filename: [nodesets.standard],
    serverInfo: { applicationUri, productUri: "urn:interop:node-opcua", applicationName: { text: "node-opcua-peer" } },
    serverCertificateManager,
    userCertificateManager,
    certificateFile,
    privateKeyFile: serverCertificateManager.privateKey,
    securityPolicies: [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss],
    securityModes: [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
    allowAnonymous: true,
    userManager: {
      isValidUser: (name, password) => users[name]?.password === password,
      getUserRoles: (name) => makeRoles(users[name]?.roles ?? [WellKnownRoles.Anonymous]),
    },
  });
  await server.initialize();
  await install(server);
  await server.start();
  console.log(`READY opc.tcp://${host}:${server.endpoints[0].port}`);

  process.stdin.resume();
  process.stdin.once("end", async () => {
    try {
      await server.shutdown(100);
    } finally {
      process.exit(0);
    }
  });
}
