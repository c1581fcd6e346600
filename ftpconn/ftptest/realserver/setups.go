package realserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// setups write the configuration and say how each program is started.
var setups = map[Kind]func(s *Server, base string, o Options) error{
	VSFTPD: vsftpd, ProFTPD: proftpd, PureFTPd: pureftpd, PyFTPDLib: pyftpdlib,
}

func vsftpd(s *Server, base string, o Options) error {
	empty := filepath.Join(s.dir, "empty")
	if err := os.Mkdir(empty, 0o755); err != nil {
		return err
	}
	root := o.Root
	if o.Writable {
		// It does not let anonymous users in whose topmost directory they may
		// write to.
		root, s.Dir = filepath.Dir(o.Root), "/"+filepath.Base(o.Root)
	}
	// The user for anonymous sessions needs a home that exists; Debian's
	// "daemon" has one everywhere.
	conf := fmt.Sprintf(`listen=YES
listen_address=%s
listen_port=%d
background=NO
anonymous_enable=YES
local_enable=NO
anon_root=%s
ftp_username=daemon
nopriv_user=nobody
secure_chroot_dir=%s
seccomp_sandbox=NO
max_per_ip=%d
`, s.Host, s.Port, root, empty, o.MaxPerClient)
	if o.TLS {
		// require_ssl_reuse is YES unless it is told otherwise.
		conf += fmt.Sprintf(`ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
ssl_ciphers=HIGH
rsa_cert_file=%s
rsa_private_key_file=%s
`, s.CAFile, s.keyFile)
	}
	if o.Writable {
		conf += `write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
anon_umask=022
file_open_mode=0666
`
	}
	file, err := s.write("vsftpd.conf", conf)
	s.args = []string{filepath.Join(base, "usr/sbin/vsftpd"), file}
	return err
}

func proftpd(s *Server, base string, o Options) error {
	limit := ""
	if o.MaxPerClient > 0 {
		limit = fmt.Sprintf("MaxClientsPerHost %d\n", o.MaxPerClient)
	}
	protection, modules, rights := "", "", ""
	if o.Writable {
		modules = "LoadModule mod_copy.c\nLoadModule mod_site_misc.c\n"
		rights = "Umask 022\nAllowOverwrite on\n"
	}
	if o.TLS {
		protection = fmt.Sprintf(`LoadModule mod_tls.c
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.2 TLSv1.3
TLSECCertificateFile %[1]s
TLSECCertificateKeyFile %[2]s
TLSLog %[3]s/tls.log
`, s.CAFile, s.keyFile, s.dir)
	}
	conf := fmt.Sprintf(`ServerType standalone
ServerName test
UseIPv6 off
DefaultAddress %s
Port %d
SocketBindTight on
User nobody
Group nogroup
ModulePath %s
LoadModule mod_digest.c
PidFile %[4]s/pid
ScoreboardFile %[4]s/scoreboard
DelayEngine off
WtmpLog off
SystemLog %[4]s/system.log
TransferLog none
RequireValidShell off
UseReverseDNS off
%[8]s%[7]s%[6]s<Anonymous %[5]s>
  User nobody
  Group nogroup
  UserAlias anonymous nobody
  UserAlias ftp nobody
  RequireValidShell off
  %[6]s
  %[9]s
</Anonymous>
`, s.Host, s.Port, filepath.Join(base, "usr/lib/proftpd"), s.dir, o.Root, limit, protection, modules, rights)
	file, err := s.write("proftpd.conf", conf)
	s.args = []string{filepath.Join(base, "usr/sbin/proftpd"), "-n", "-q", "-c", file}
	return err
}

// secretHash is of the password "secret".
const secretHash = "$6$ftpfs$7tdSZl2GCl2qUQ.KPiuMW8atyNPjpuW1N37h4s9MDHNw500iPVx38J1UlfZaGtrhZOC/QPX17UUXZz5Qdmm5d/"

// pureftpd gets a virtual user: anonymous ones would need the user "ftp" on
// the machine.
func pureftpd(s *Server, base string, o Options) error {
	s.User, s.Password = "joe", "secret"
	// Its own hash of a password takes seconds.
	line := fmt.Sprintf("%s:%s:65534:65534::%s/./::::::::::::\n", s.User, secretHash, o.Root)
	passwd, err := s.write("passwd", line)
	if err != nil {
		return err
	}
	db := filepath.Join(s.dir, "pdb")
	cmd := exec.Command(filepath.Join(base, "usr/bin/pure-pw"), "mkdb", db, "-f", passwd)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pure-pw: %w: %s", err, out)
	}
	if o.QuickLogin {
		if err := cheapHash(s, filepath.Join(base, "usr/bin/pure-pw"), passwd, db); err != nil {
			return err
		}
	}
	s.args = []string{filepath.Join(base, "usr/sbin/pure-ftpd"),
		"-S", fmt.Sprintf("%s,%d", s.Host, s.Port), "-l", "puredb:" + db,
		"-A", "-H", "-u", "1", "-g", filepath.Join(s.dir, "pid"), "-L", "20000:20", "-D"}
	if o.TLS {
		s.args = append(s.args, "-Y", "3", "-2", s.CAFile+","+s.keyFile)
	}
	if o.MaxPerClient > 0 {
		s.args = append(s.args, "-C", fmt.Sprint(o.MaxPerClient))
	}
	return nil
}

// cheapHash puts a hash of the password "secret" into Pure-FTPd's list of users
// that takes no time to check, unlike the Argon2 that pure-pw makes.
func cheapHash(s *Server, purePw, passwd, db string) error {
	data, err := os.ReadFile(passwd)
	if err != nil {
		return err
	}
	fields := strings.Split(string(data), ":")
	fields[1] = "$1$ftpfs$yR939jYVueFgpefnr69T9."
	if err := os.WriteFile(passwd, []byte(strings.Join(fields, ":")), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(purePw, "mkdb", db, "-f", passwd)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pure-pw: %w: %s", err, out)
	}
	return nil
}

func pyftpdlib(s *Server, base string, o Options) error {
	handler, protection, rights, user := "FTPHandler", "", "elr", ""
	if o.Writable {
		rights = "elradfmwMT"
		user = "\nos.setgid(65534)\nos.setuid(65534)" // nobody: root may do everything
	}
	if o.TLS {
		handler = "TLS_FTPHandler"
		protection = fmt.Sprintf(`
    certfile = %q
    keyfile = %q
    tls_control_required = True
    tls_data_required = True`, s.CAFile, s.keyFile)
	}
	script := fmt.Sprintf(`
import os, sys
sys.path.insert(0, %q)
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import %s
from pyftpdlib.servers import FTPServer
a = DummyAuthorizer()
a.add_anonymous(%q, perm=%q)
class H(%s):
    authorizer = a
    use_sendfile = False%s
server = FTPServer((%q, %d), H)
server.max_cons_per_ip = %d%s
server.serve_forever()
`, filepath.Join(base, "usr/lib/python3/dist-packages"), handler, o.Root, rights, handler, protection, s.Host, s.Port, o.MaxPerClient, user)
	file, err := s.write("server.py", script)
	s.args = []string{"/usr/bin/python3", file}
	return err
}
