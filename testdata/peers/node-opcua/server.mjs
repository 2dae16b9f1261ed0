// A push-managed server: node-opcua with its node-opcua-server-configuration.
import opcua from "node-opcua";
import configuration from "node-opcua-server-configuration";
import { serve } from "../server.mjs";

await serve(opcua, (server) => configuration.installPushCertificateManagementOnServer(server));
