package main

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// exactText is a string that keeps its bytes in JSON: it is a string there if it
// is UTF-8, and else {"base64": "..."}.
type exactText string

type base64Text struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (t exactText) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal(base64Text{[]byte(t)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *exactText) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var b base64Text
		err := json.Unmarshal(data, &b)
		*t = exactText(b.Base64)
		return err
	}
	return json.Unmarshal(data, (*string)(t))
}
