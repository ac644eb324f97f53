#include "compute/sql/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "quorum/base/check.h"

namespace hexad::compute::sql {
namespace {

constexpr int kMaxIterations = 1'000'000;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string Hash(std::string_view text) {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(Bytes(text), text.size(), reinterpret_cast<unsigned char*>(hash.data()));
  return hash;
}

std::string Hmac(std::string_view key, std::string_view text) {
  std::string mac(SHA256_DIGEST_LENGTH, '\0');
  const void* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Bytes(text),
                          text.size(), reinterpret_cast<unsigned char*>(mac.data()), nullptr);
  INVARIANT(made != nullptr);
  return mac;
}

std::string Base64(std::string_view bytes) { return absl::Base64Escape(std::string(bytes)); }

absl::StatusOr<std::string> FromBase64(std::string_view text) {
  std::string bytes;
  if (absl::Base64Unescape(std::string(text), &bytes)) return bytes;
  return absl::InvalidArgumentError("that is no base64");
}

absl::Status Malformed() { return absl::InvalidArgumentError("malformed SCRAM message"); }

// The value of "x=value"; false: it is another attribute.
bool TakeAttribute(std::string_view attribute, char name, std::string_view& value) {
  if (attribute.size() < 2 || attribute[0] != name || attribute[1] != '=') return false;
  value = attribute.substr(2);
  return true;
}

// Up to `separator`, which is gone from `text` then; false: it is not there.
bool TakeUpTo(char separator, std::string_view& text, std::string_view& part) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return false;
  part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return true;
}

}  // namespace

absl::StatusOr<ScramVerifier> MakeVerifier(std::string_view password, std::string salt,
                                           int iterations) {
  const bool plain = std::ranges::all_of(password, [](char c) { return c >= ' ' && c <= '~'; });
  if (password.empty() || !plain || password.size() > std::numeric_limits<int16_t>::max()) {
    return absl::InvalidArgumentError("a password is printable ASCII, and not empty");
  }
  std::string salted(SHA256_DIGEST_LENGTH, '\0');
  const int made =
      PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), Bytes(salt),
                        static_cast<int>(salt.size()), iterations, EVP_sha256(),
                        SHA256_DIGEST_LENGTH, reinterpret_cast<unsigned char*>(salted.data()));
  INVARIANT(made == 1);
  return ScramVerifier{iterations, std::move(salt), Hash(Hmac(salted, "Client Key")),
                       Hmac(salted, "Server Key")};
}

absl::StatusOr<ScramVerifier> ParseVerifier(std::string_view text) {
  constexpr std::string_view kScheme = "SCRAM-SHA-256$";
  std::string_view iterations, salt, stored;
  ScramVerifier verifier;
  const bool parts = text.starts_with(kScheme) && (text.remove_prefix(kScheme.size()), true) &&
                     TakeUpTo(':', text, iterations) && TakeUpTo('$', text, salt) &&
                     TakeUpTo(':', text, stored);
  const auto salt_bytes = FromBase64(salt);
  const auto stored_key = FromBase64(stored);
  const auto server_key = FromBase64(text);
  if (!parts || !absl::SimpleAtoi(std::string(iterations), &verifier.iterations) ||
      verifier.iterations < 1 || verifier.iterations > kMaxIterations || !salt_bytes.ok() ||
      salt_bytes->empty() || !stored_key.ok() || stored_key->size() != SHA256_DIGEST_LENGTH ||
      !server_key.ok() || server_key->size() != SHA256_DIGEST_LENGTH) {
    return absl::InvalidArgumentError("it reads SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER");
  }
  verifier.salt = *salt_bytes;
  verifier.stored_key = *stored_key;
  verifier.server_key = *server_key;
  return verifier;
}

ScramVerifier NobodysVerifier(std::string_view secret, std::string_view user) {
  return {kScramIterations,
          Hmac(secret, absl::StrCat("salt ", std::string(user))).substr(0, kScramSaltBytes),
          Hmac(secret, absl::StrCat("stored ", std::string(user))),
          Hmac(secret, absl::StrCat("server ", std::string(user)))};
}

absl::StatusOr<std::string> RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  const int made =
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count));
  if (made != 1) return absl::InternalError("the system has no random bytes");
  return bytes;
}

// "n,,n=user,r=nonce": "n" and "y" are without channel binding; between the commas could be
// somebody else's name.
absl::StatusOr<std::string> ScramServer::First(std::string_view client_first) {
  INVARIANT(signed_.empty());
  if (!client_first.starts_with("n,,") && !client_first.starts_with("y,,")) {
    return absl::InvalidArgumentError("there is no channel binding, nor another name, in a login");
  }
  gs2_header_ = client_first.substr(0, 3);
  const std::string_view bare = client_first.substr(3);
  std::string_view rest = bare;
  std::string_view name, ignored, client_nonce;
  if (!TakeUpTo(',', rest, name) || !TakeAttribute(name, 'n', ignored)) return Malformed();
  const std::string_view nonce = rest.substr(0, rest.find(','));
  if (!TakeAttribute(nonce, 'r', client_nonce) || client_nonce.empty()) return Malformed();
  nonce_ = absl::StrCat(std::string(client_nonce), nonce_);
  std::string first =
      absl::StrCat("r=", nonce_, ",s=", Base64(verifier_.salt), ",i=", verifier_.iterations);
  signed_ = absl::StrCat(std::string(bare), ",", first);
  return first;
}

// "c=biws,r=nonce,p=proof", where extensions may stand before the proof.
absl::StatusOr<std::string> ScramServer::Final(std::string_view client_final) {
  INVARIANT(!signed_.empty());
  const size_t at = client_final.rfind(",p=");
  if (at == std::string_view::npos) return Malformed();
  const std::string_view without_proof = client_final.substr(0, at);
  const auto proof = FromBase64(client_final.substr(at + 3));
  std::string_view rest = without_proof;
  std::string_view binding, header, nonce;
  if (!proof.ok() || proof->size() != SHA256_DIGEST_LENGTH || !TakeUpTo(',', rest, binding) ||
      !TakeAttribute(binding, 'c', header) ||
      !TakeAttribute(rest.substr(0, rest.find(',')), 'r', nonce)) {
    return Malformed();
  }
  if (header != Base64(gs2_header_) || nonce != nonce_) return Malformed();
  const std::string all = absl::StrCat(signed_, ",", std::string(without_proof));
  std::string client_key = Hmac(verifier_.stored_key, all);
  for (size_t i = 0; i < client_key.size(); ++i) {
    client_key[i] = static_cast<char>(client_key[i] ^ (*proof)[i]);
  }
  const std::string stored = Hash(client_key);
  if (CRYPTO_memcmp(stored.data(), verifier_.stored_key.data(), stored.size()) != 0) {
    return absl::PermissionDeniedError("the password is another");
  }
  return absl::StrCat("v=", Base64(Hmac(verifier_.server_key, all)));
}

}  // namespace hexad::compute::sql
