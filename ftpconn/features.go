package ftpconn

import "strings"

// features is what the server says it can do: the lines of its reply to FEAT,
// RFC 2389 section 3.2, by upper-case name, with their parameters. ProFTPD has
// a line for each SITE command that it knows; these are by both words.
type features map[string]string

// parseFeatures reads the lines between the first and the last of a FEAT
// reply. The RFC wants one leading space; servers omit it or send more.
func parseFeatures(lines []string) features {
	f := make(features)
	for i, line := range lines {
		if i == 0 || i == len(lines)-1 {
			continue
		}
		name, parameters, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" {
			name, parameters = strings.ToUpper(name), strings.TrimSpace(parameters)
			f[name] = parameters
			if name == "SITE" {
				f[name+" "+strings.ToUpper(parameters)] = ""
			}
		}
	}
	return f
}

func (f features) has(name string) bool {
	_, ok := f[name]
	return ok
}

// machineListings says whether MLSD and MLST can be used. Some servers name
// MLSD in FEAT, against RFC 3659 section 7.8, which makes MLST stand for both.
func (f features) machineListings() bool { return f.has("MLST") || f.has("MLSD") }
