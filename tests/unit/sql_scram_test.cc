// SCRAM-SHA-256 against the RFC's own conversation, and against clients that lie.
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "compute/sql/passwords.h"
#include "compute/sql/scram.h"

namespace hexad::compute::sql {
namespace {

// RFC 7677, section 3.
constexpr char kServerNonce[] = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr char kClientFirst[] = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr char kServerFirst[] =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr char kClientFinal[] =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr char kServerFinal[] = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

ScramServer ServerFor(const std::string& password) {
  std::string salt;
  EXPECT_TRUE(absl::Base64Unescape("W22ZaJ0SNY7soEsUEjb6gQ==", &salt));
  return {*MakeVerifier(password, salt, 4096), kServerNonce};
}

TEST(Scram, SpeaksAsTheRfcDoes) {
  ScramServer server = ServerFor("pencil");
  EXPECT_EQ(*server.First(kClientFirst), kServerFirst);
  EXPECT_EQ(*server.Final(kClientFinal), kServerFinal);
}

TEST(Scram, AnotherPasswordIsNotLetIn) {
  ScramServer server = ServerFor("pencil2");
  EXPECT_EQ(*server.First(kClientFirst), kServerFirst);
  EXPECT_TRUE(absl::IsPermissionDenied(server.Final(kClientFinal).status()));
}

TEST(Scram, MessagesThatAreNoneAreRefused) {
  for (const char* first : {"", "n,,", "n,,n=user", "n,,r=abc",
                            "n,,n=user,r=", "p=tls-unique,,n=,r=a", "n,a=other,n=user,r=a", "x"}) {
    ScramServer server = ServerFor("pencil");
    EXPECT_TRUE(absl::IsInvalidArgument(server.First(first).status())) << first;
  }
  const std::string nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const std::string proof = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  for (const std::string& final :
       {std::string(), "c=biws," + nonce, "c=eSws," + nonce + proof, "c=biws,r=x" + proof,
        "c=biws," + nonce + ",p=AAAA", "c=biws," + nonce + ",p=?", nonce + proof}) {
    ScramServer server = ServerFor("pencil");
    ASSERT_TRUE(server.First(kClientFirst).ok());
    EXPECT_TRUE(absl::IsInvalidArgument(server.Final(final).status())) << final;
  }
}

TEST(Scram, AVerifierReadsAsPostgresqlWritesIt) {
  const ScramVerifier made = *MakeVerifier("pencil", "0123456789abcdef", 4096);
  const auto text = [&](const std::string& iterations) {
    return "SCRAM-SHA-256$" + iterations + ":" + absl::Base64Escape(made.salt) + "$" +
           absl::Base64Escape(made.stored_key) + ":" + absl::Base64Escape(made.server_key);
  };
  const auto read = ParseVerifier(text("4096"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->iterations, 4096);
  EXPECT_EQ(read->salt, made.salt);
  EXPECT_EQ(read->stored_key, made.stored_key);
  EXPECT_EQ(read->server_key, made.server_key);
  EXPECT_FALSE(ParseVerifier(text("0")).ok());
  EXPECT_FALSE(ParseVerifier(text("4096") + "AA==").ok());
  EXPECT_FALSE(ParseVerifier("SCRAM-SHA-256$").ok());
  EXPECT_FALSE(ParseVerifier("md5abc").ok());
}

TEST(Scram, APasswordFileHasALineForEachUser) {
  const auto passwords = Passwords::Parse("# who\n\nalice:a:b\r\nbob:pencil");
  ASSERT_TRUE(passwords.ok()) << passwords.status();
  const ScramVerifier alice = passwords->Of("alice");
  EXPECT_EQ(MakeVerifier("a:b", alice.salt, alice.iterations)->stored_key, alice.stored_key);
  EXPECT_EQ(passwords->Of("eve").salt, passwords->Of("eve").salt) << "she learns nothing";
  EXPECT_NE(passwords->Of("eve").salt, passwords->Of("eva").salt);
  EXPECT_EQ(Passwords::Parse("alice:x\nbob").status().message(), "line 2 is not user:password");
  EXPECT_FALSE(Passwords::Parse("alice:").ok());
  EXPECT_FALSE(Passwords::Parse("alice:p\xc3\xa4ss").ok());
}

}  // namespace
}  // namespace hexad::compute::sql
