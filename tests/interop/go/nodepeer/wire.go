package main

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// frame is one message as it is on the wire.
type frame []byte

// raw is a codec that leaves messages as they are.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*frame), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*frame) = append(frame{}, data...); return nil }
func (raw) Name() string                       { return "proto" }

func field(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}

// request is AttestAgentRequest with `params`: type and payload of the proof, then the signing request.
func request(kind string, payload, csr []byte) frame {
	data := append(field(1, []byte(kind)), field(2, payload)...)
	return field(1, append(field(1, data), field(2, field(1, csr))...))
}

// response is AttestAgentRequest with `challenge_response`.
func response(answer []byte) frame { return field(2, answer) }

// fields has the last value of each field; a number as its one byte.
func fields(data []byte) map[protowire.Number][]byte {
	found := map[protowire.Number][]byte{}
	for len(data) > 0 {
		number, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			panic(fmt.Sprintf("no message: %v", protowire.ParseError(size)))
		}
		data = data[size:]
		rest := protowire.ConsumeFieldValue(number, kind, data)
		if rest < 0 {
			panic(fmt.Sprintf("no message: %v", protowire.ParseError(rest)))
		}
		found[number] = data[:rest]
		if kind == protowire.BytesType {
			found[number], _ = protowire.ConsumeBytes(data)
		}
		data = data[rest:]
	}
	return found
}

// resultOf reads AttestAgentResponse.Result.
func resultOf(data []byte) outcome {
	result := fields(data)
	id := fields(fields(result[1])[2])
	again := len(result[2]) == 1 && result[2][0] == 1
	return outcome{ID: fmt.Sprintf("spiffe://%s%s", id[1], id[2]), Reattestable: again}
}
