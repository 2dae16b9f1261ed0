// The structures of a ConfigurationFile as another stack has them: node-opcua's
// codec, with classes made from the DataTypeDefinitions in its NodeSet (1.05.07).
// The classes that come with it are not used, for ServerEndpointDataType has
// RecordProperties twice among them (generated).
//
// NodeSet 1.05.05 had two structures that later ones have not: their definitions
// are written down here.
import { AddressSpace, PseudoSession } from "node-opcua-address-space";
import { generateAddressSpace } from "node-opcua-address-space/nodeJS.js";
import { BinaryStream } from "node-opcua-binary-stream";
import { ExtraDataTypeManager } from "node-opcua-client-dynamic-extension-object";
import { decodeExtensionObject, encodeExtensionObject } from "node-opcua-extension-object";
import { DataTypeFactory, getStandardDataTypeFactory } from "node-opcua-factory";
import { ServerEndpointDataType } from "node-opcua-types";
import { nodesets, resolveNodeId } from "node-opcua";

const space = AddressSpace.create();
await generateAddressSpace(space, [nodesets.standard]);

function addType(id, encoding, browseName, subtypeOf, partialDefinition) {
  const namespace = space.getDefaultNamespace();
  const dataType = namespace.createDataType({ nodeId: `i=${id}`, browseName, isAbstract: false, subtypeOf, partialDefinition });
  namespace.addObject({ nodeId: `i=${encoding}`, browseName: "Default Binary", typeDefinition: "DataTypeEncodingType", encodingOf: dataType });
  return dataType;
}

const one = (name, dataType) => ({ name, dataType: resolveNodeId(dataType), valueRank: -1 });
const many = (name, dataType) => ({ name, dataType: resolveNodeId(dataType), valueRank: 1, arrayDimensions: [0] });
addType(19445, 19752, "AuthorizationService105_05", "BaseConfigurationRecordDataType",
  [one("ServiceUri", "i=23751"), many("ServiceCertificate", "i=15"), one("IssuerEndpointSettings", "i=12")]);
addType(15549, 16542, "ApplicationConfiguration105_05", "BaseConfigurationDataType", [
  one("ApplicationIdentity", "i=15556"), many("CertificateGroups", "i=15436"), many("ServerEndpoints", "i=15558"),
  many("ClientEndpoints", "i=15557"), many("SecuritySettings", "i=15559"), many("UserTokenSettings", "i=15560"),
  many("AuthorizationServices", "i=19445"),
]);

const factory = new DataTypeFactory([]);

class Definitions extends ExtraDataTypeManager {
  getDataTypeFactory() { return factory; }
  getDataTypeFactoryForNamespace() { return factory; }
}

const definitions = new Definitions();
definitions.setSession(new PseudoSession(space));
// EndpointDataType comes before ServerEndpointDataType, which is derived from it:
// in the other order its fields are in the class twice.
const types = ["i=15557", "i=23743", "i=15549", "i=15538"]; // then both configurations, and ConfigurationUpdateTargetType
for (const type of types) await definitions.getStructureInfoForDataTypeAsync(resolveNodeId(type));

const standard = getStandardDataTypeFactory();
const generated = standard.getConstructor.bind(standard);
standard.getConstructor = (encoding) => factory.getConstructor(encoding) ?? generated(encoding);

// faulty says whether the generated class still has the field twice.
export const faulty = ServerEndpointDataType.schema.fields[0].name === "recordProperties";

export const make = (type, fields) => new (factory.getStructureInfoByTypeName(type).constructor)(fields);

export function decode(bytes) {
  const stream = new BinaryStream(bytes);
  const object = decodeExtensionObject(stream);
  if (stream.length !== bytes.length) throw new Error(`${stream.length} of ${bytes.length} bytes are decoded`);
  return object;
}

export function encode(object) {
  const stream = new BinaryStream(1 << 20);
  encodeExtensionObject(object, stream);
  return Buffer.from(stream.buffer.subarray(0, stream.length));
}
