package secureconv

// Limits are what one end accepts (OPC 10000-6, 7.1.2.3).
type Limits struct {
	BufferSize     uint32 // bytes of one chunk, 8192 at least
	MaxMessageSize uint32 // bytes of one message's body, over all its chunks
	MaxChunkCount  uint32 // chunks of one message
}

// DefaultLimits are 65535 bytes a chunk, 4 MiB and 512 chunks a message.
func DefaultLimits() Limits {
	return Limits{BufferSize: 65535, MaxMessageSize: 4 << 20, MaxChunkCount: 512}
}
