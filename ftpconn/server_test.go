package ftpconn

import "testing"

// What a greeting in clear says of the software counts behind TLS only if the
// features, which came inside, fit it.
func TestGreetingMustFitFeatures(t *testing.T) {
	vsftpdFeat := []string{"Features:", " EPRT", " EPSV", " MDTM", " PASV", " REST STREAM", " SIZE", " TVFS", "End"}
	pureFeat := []string{"Extensions supported:", " UTF8", " EPSV", " ESTA", " MLST type*;", "End."}
	for _, test := range []struct {
		greeting software
		feat     []string
		want     software
	}{
		{vsftpd, vsftpdFeat, vsftpd},
		{pureftpd, pureFeat, pureftpd},
		{proftpd, vsftpdFeat, otherSoftware},
		{vsftpd, pureFeat, otherSoftware},
		{pyftpdlib, nil, otherSoftware},
		{synchronousOnly, vsftpdFeat, synchronousOnly}, // the careful way does no harm
	} {
		if got := test.greeting.confirmed(test.feat, parseFeatures(test.feat)); got != test.want {
			t.Errorf("%v with %q: got %v", test.greeting, test.feat, got)
		}
	}
}
