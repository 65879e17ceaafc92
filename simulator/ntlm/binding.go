package ntlm

import (
	"crypto"
	"crypto/md5"
	"crypto/x509"
	"encoding/binary"

	// The digests that a certificate's signature may name.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// endPointHashes maps signature algorithms to the digest that RFC 5929 takes;
// MD5, SHA-1 and everything unnamed fall to SHA-256.
var endPointHashes = map[x509.SignatureAlgorithm]crypto.Hash{
	x509.SHA384WithRSA: crypto.SHA384, x509.SHA384WithRSAPSS: crypto.SHA384, x509.ECDSAWithSHA384: crypto.SHA384,
	x509.SHA512WithRSA: crypto.SHA512, x509.SHA512WithRSAPSS: crypto.SHA512, x509.ECDSAWithSHA512: crypto.SHA512,
}

// ServerEndPoint returns the channel bindings of a TLS server's certificate as
// MsvAvChannelBindings carries them: the MD5 of a gss_channel_bindings_struct
// whose application data is the "tls-server-end-point" of RFC 5929.
func ServerEndPoint(certificate *x509.Certificate) []byte {
	hash, ok := endPointHashes[certificate.SignatureAlgorithm]
	if !ok {
		hash = crypto.SHA256
	}
	h := hash.New()
	h.Write(certificate.Raw)
	return bindingHash(append([]byte("tls-server-end-point:"), h.Sum(nil)...))
}

// bindingHash hashes the structure of RFC 2744 section 3.11 with empty
// addresses.
func bindingHash(application []byte) []byte {
	b := make([]byte, 16) // two empty addresses: type and length each
	b = binary.LittleEndian.AppendUint32(b, uint32(len(application)))
	sum := md5.Sum(append(b, application...))
	return sum[:]
}
