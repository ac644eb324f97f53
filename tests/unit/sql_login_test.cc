// PostgreSQL's own client library logs in with a password.
#include <gmock/gmock.h>

#include <asio.hpp>
#include <iterator>

#include "tests/unit/sql_endpoint.h"

namespace hexad::compute::sql {
namespace {

using ::testing::HasSubstr;
using unit::PqClient;
using unit::SqlEndpoint;

class SqlLoginTest : public unit::SqlEndpointTest {
 protected:
  static void SetUpTestSuite() {
    ServerOptions options = SqlEndpoint::Defaults();
    auto passwords = Passwords::Parse("tester:pencil\nother:paper\n");
    ASSERT_TRUE(passwords.ok()) << passwords.status();
    options.passwords = std::make_shared<const Passwords>(*std::move(passwords));
    SqlEndpoint::The(options);
  }
  PqClient With(const std::string& more, const std::string& database = "") {
    return {SqlEndpoint::The().port(), database.empty() ? name_ : database, more};
  }
};

TEST_F(SqlLoginTest, WhoKnowsThePasswordGetsASession) {
  PqClient client = With("password=pencil");
  ASSERT_TRUE(client.connected()) << client.error();
  EXPECT_NE(PQconnectionUsedPassword(client.raw()), 0);
  EXPECT_EQ(client.Ask("select 1").Text(), "1");
}

TEST_F(SqlLoginTest, AnybodyElseIsRefusedInTheSameWords) {
  for (const char* wrong : {"password=pen", "password=paper", "user=nobody password=pencil"}) {
    PqClient client = With(wrong);
    EXPECT_FALSE(client.connected()) << wrong;
    EXPECT_THAT(client.error(), HasSubstr("password authentication failed for user")) << wrong;
  }
  EXPECT_THAT(With("").error(), HasSubstr("no password supplied"));
  EXPECT_TRUE(With("password=pencil").connected());
}

// libpq does not tell the SQLSTATE of a connection that was refused: so the bytes.
TEST_F(SqlLoginTest, AWrongProofIs28P01) {
  asio::ip::tcp::iostream stream("127.0.0.1", std::to_string(SqlEndpoint::The().port()));
  stream.expires_after(std::chrono::seconds(10));
  const auto word = [](size_t value) {
    return std::string{'\0', '\0', static_cast<char>(value >> 8), static_cast<char>(value)};
  };
  const auto send = [&](const std::string& type, const std::string& body) {
    stream << type << word(body.size() + 4) << body << std::flush;
  };
  const auto read = [&] {
    std::string head(5, '\0');
    stream.read(head.data(), 5);
    std::string body(static_cast<uint8_t>(head[3]) * 256 + static_cast<uint8_t>(head[4]) - 4, '\0');
    stream.read(body.data(), static_cast<std::streamsize>(body.size()));
    return head.substr(0, 1) + body;
  };
  using namespace std::string_literals;
  send("", "\0\3\0\0user\0tester\0database\0x\0\0"s);
  EXPECT_EQ(read(), "R\0\0\0\12SCRAM-SHA-256\0\0"s);
  const std::string first = "n,,n=,r=abc";
  send("p", "SCRAM-SHA-256\0"s + word(first.size()) + first);
  const std::string challenge = read();
  ASSERT_EQ(challenge.substr(0, 10), "R\0\0\0\13r=abc"s);
  const std::string nonce = challenge.substr(5, challenge.find(',') - 5);
  send("p", "c=biws," + nonce + ",p=" + std::string(43, 'A') + "=");
  const std::string refusal = read();
  EXPECT_EQ(refusal.substr(0, 1), "E");
  EXPECT_THAT(refusal, HasSubstr("SFATAL\0"s));
  EXPECT_THAT(refusal, HasSubstr("C28P01\0"s));
}

TEST_F(SqlLoginTest, WhoDoesNotSpeakScramIsRefused) {
  asio::ip::tcp::iostream stream("127.0.0.1", std::to_string(SqlEndpoint::The().port()));
  stream.expires_after(std::chrono::seconds(10));
  using namespace std::string_literals;
  stream << "\0\0\0\26\0\3\0\0user\0tester\0\0"s
         << "p\0\0\0\13pencil\0"s << std::flush;
  const std::string all{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_THAT(all, HasSubstr("C08P01\0"s));
}

TEST_F(SqlLoginTest, WhetherADatabaseIsThereIsToldAfterThePassword) {
  EXPECT_THAT(With("password=pen", "nowhere").error(), HasSubstr("password authentication"));
  EXPECT_THAT(With("password=pencil", "nowhere").error(), HasSubstr("does not exist"));
}

TEST_F(SqlLoginTest, WithoutPasswordsOnlyLoopbackIsListenedOn) {
  ServerOptions options;
  options.listen = "0.0.0.0:0";
  const auto server = Server::Start(options, [](const std::string&) {
    return absl::StatusOr<std::shared_ptr<Volume>>(absl::NotFoundError("none"));
  });
  EXPECT_TRUE(absl::IsInvalidArgument(server.status())) << server.status();
}

}  // namespace
}  // namespace hexad::compute::sql
