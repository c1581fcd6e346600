package ftpconn

import (
	"encoding/hex"
	"testing"
)

func TestParseSum(t *testing.T) {
	const md5sum = "d41d8cd98f00b204e9800998ecf8427e"
	for _, test := range []struct {
		text string
		size int
		want string
	}{
		{"MD5 0-49 " + md5sum + " name", 16, md5sum},
		{"MD5 0-49 D41D8CD98F00B204E9800998ECF8427E name with blanks", 16, md5sum},
		{md5sum, 16, md5sum},
		{"XMD5 \"" + md5sum + "\"", 16, md5sum},
		{"1A2B3C4D", 4, "1a2b3c4d"},
		{"XCRC 2B3C4D", 4, "002b3c4d"},
		{"CRC32 0-9 1a2b3c4d file", 4, "1a2b3c4d"},
		{"no sum here", 16, ""},
		{"", 4, ""},
	} {
		if got := hex.EncodeToString(parseSum(test.text, test.size)); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

func TestDigestIsTheBest(t *testing.T) {
	for _, test := range []struct {
		feat    []string
		command string
		option  string
	}{
		{[]string{"HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512;", "XMD5"}, "HASH SHA-256", "SHA-256"},
		{[]string{"HASH SHA-256*;MD5"}, "HASH SHA-256", ""},
		{[]string{"HASH Whirlpool*", "XCRC filename;start;end", "XMD5"}, "XMD5", ""},
		{[]string{"XCRC"}, "XCRC", ""},
		{[]string{"SIZE"}, "", ""},
	} {
		lines := append(append([]string{"Features:"}, test.feat...), "End")
		p := &Pool{srv: &server{features: parseFeatures(lines)}}
		d, ok := p.Digest()
		if ok != (test.command != "") || d.Command != test.command || d.option != test.option {
			t.Errorf("%q: %+v, %v", test.feat, d, ok)
		}
	}
}
