package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"ftpfs/ftpconn"

	"github.com/spf13/pflag"
)

// tlsSettings is what the user wants of TLS.
type tlsSettings struct {
	TLS      string // auto, require, off; implicit comes from ftps:// alone
	CAFile   string
	CertFile string
	KeyFile  string
	Pin      string
	Insecure bool
}

func (t *tlsSettings) addFlags(f *pflag.FlagSet) {
	f.StringVar(&t.TLS, "tls", "", "for ftp:// URLs: auto (the default: where a password is sent and the server can), require or off")
	t.addTrustFlags(f)
}

// addTrustFlags adds the flags that say whom to trust.
func (t *tlsSettings) addTrustFlags(f *pflag.FlagSet) {
	f.StringVar(&t.CAFile, "ca-file", "", "trust the authorities in this PEM `file` instead of the system's")
	f.StringVar(&t.CertFile, "tls-cert", "", "show the server this client certificate, a PEM `file`")
	f.StringVar(&t.KeyFile, "tls-key", "", "the client certificate's key; default: the same `file`")
	f.StringVar(&t.Pin, "tls-pin", "", "trust the server with this `key` and no other: SHA256:..., as the error about it shows")
	f.BoolVar(&t.Insecure, "insecure", false, "trust any certificate: whoever sits on the line can read along and change what is read")
}

// setScheme takes what the URL says of TLS.
func (t *tlsSettings) setScheme(scheme string) error {
	switch t.TLS {
	case "", "auto", "require", "off":
	default:
		return fmt.Errorf("--tls %q: must be auto, require or off", clipText(t.TLS))
	}
	if scheme == "ftp" {
		if t.TLS == "" {
			t.TLS = "auto"
		}
		return nil
	}
	if t.TLS == "auto" || t.TLS == "off" {
		return fmt.Errorf("%s:// requires TLS, and --tls=%s does not", scheme, t.TLS)
	}
	t.TLS = "require"
	if scheme == "ftps" {
		t.TLS = "implicit"
	}
	return nil
}

func (t *tlsSettings) mode() ftpconn.TLSMode {
	switch t.TLS {
	case "auto":
		return ftpconn.TLSAuto
	case "require":
		return ftpconn.TLSExplicit
	case "implicit":
		return ftpconn.TLSImplicit
	}
	return ftpconn.TLSOff
}

// config makes the configuration for the connections to host.
func (t *tlsSettings) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file %s: there is no certificate in it", t.CAFile)
		}
	}
	switch {
	case t.CertFile != "":
		key := t.KeyFile
		if key == "" {
			key = t.CertFile
		}
		cert, err := tls.LoadX509KeyPair(t.CertFile, key)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert: %w", err)
		}
		c.Certificates = []tls.Certificate{cert}
	case t.KeyFile != "":
		return nil, errors.New("--tls-key needs --tls-cert")
	}
	if t.Pin != "" {
		if t.Insecure {
			return nil, errors.New("--insecure trusts any key, --tls-pin only one: choose")
		}
		want, err := parsePin(t.Pin)
		if err != nil {
			return nil, err
		}
		c.InsecureSkipVerify = true // the key decides, whoever signed it
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if got := pinOf(state.PeerCertificates[0]); got != want {
				return &tls.CertificateVerificationError{
					UnverifiedCertificates: state.PeerCertificates,
					Err:                    errors.New("the server's key is not the one of --tls-pin"),
				}
			}
			return nil
		}
	}
	if t.Insecure {
		c.InsecureSkipVerify = true
	}
	return c, nil
}

// pinOf names a certificate's key: the SHA-256 of its SubjectPublicKeyInfo, so
// that a renewed certificate with the same key keeps the name.
func pinOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

func parsePin(s string) (string, error) {
	kind, text, _ := strings.Cut(s, ":")
	sum, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if !strings.EqualFold(kind, "SHA256") || err != nil || len(sum) != sha256.Size {
		return "", fmt.Errorf("--tls-pin %q: must be SHA256: and 43 letters, as the error about an untrusted certificate shows it", clipText(s))
	}
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum), nil
}

// explainTLS says what was wrong with TLS, and what to do.
func explainTLS(s *settings, err error) error {
	var refused *ftpconn.Error
	if cert := ftpconn.UntrustedCertificate(err); cert != nil {
		why := err
		var bad *tls.CertificateVerificationError
		if errors.As(err, &bad) {
			why = bad.Err
		}
		return fail(exitTLS, "the certificate of %s is not trusted: %w\nIt was issued by %s for %s, until %s. If you know by other means that this is the server, trust its key:\n  --tls-pin %s",
			s.address(), why, clipText(cert.Issuer.String()), clipText(cert.Subject.String()), cert.NotAfter.Format("2006-01-02"), pinOf(cert))
	}
	if errors.As(err, &refused) {
		return fail(exitTLS, "%s does not protect connections: it answered %s with: %d %s", s.address(), refused.Op, refused.Code, ftpconn.Printable(refused.Msg))
	}
	hint := ""
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record) && s.TLS == "implicit":
		hint = "; the server does not begin with TLS: try ftpes://"
	case errors.Is(err, ftpconn.ErrTimeout) && s.TLS == "implicit":
		hint = "; ftps:// is for servers that begin with TLS, usually at port 990: try ftpes://"
	}
	return fail(exitTLS, "%s: %w%s", s.address(), err, hint)
}
