// Bad input at the command line, one test each: the exit code, and an error that says what, why and
// what next. No cluster is needed to be refused.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "cli/launcher/ports.h"
#include "tests/cluster/scratch_cluster.h"

namespace hexad::cluster_test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// n nodes named n1.., two per AZ, from a port on that nothing here uses: below the
// ephemeral ports (32768 on), of which any client's connection may hold one.
std::string TopologyText(int nodes, const std::string& azs = "aabbcc") {
  std::string text;
  for (int i = 0; i < nodes; ++i) {
    text += "[[node]]\nid = \"n" + std::to_string(i + 1) + "\"\naz = \"" +
            std::string(1, azs[static_cast<size_t>(i) % azs.size()]) +
            "\"\naddress = \"127.0.0.1:" + std::to_string(32701 + i) + "\"\n\n";
  }
  return text;
}

TEST(Usage, HelpAndVersionSucceed) {
  const Outcome help = Hexad({"--help"});
  EXPECT_EQ(help.exit_code, 0) << help.Said();
  for (const char* verb : {"up", "down", "status", "doctor", "logs", "kill", "pause", "resume",
                           "restart", "wipe", "cut", "slow", "heal", "volume", "verify", "bench"}) {
    EXPECT_THAT(help.out, HasSubstr(verb));
  }
  EXPECT_EQ(Hexad({"--version"}).exit_code, 0);
  EXPECT_EQ(Hexad({"kill", "--help"}).exit_code, 0);
}

TEST(Usage, VerbsOfLaterWorkAreNotThere) {
  for (const char* verb : {"replace"}) {
    EXPECT_EQ(Hexad({verb}).exit_code, kUsage) << verb;
  }
}

TEST(Usage, UnknownFlagIsRefusedWithASuggestion) {
  const ScratchFolder folder;
  const Outcome up = folder.Run({"up", "--node", "6"});
  EXPECT_EQ(up.exit_code, kUsage) << up.Said();
  EXPECT_THAT(up.err, AllOf(HasSubstr("--node"), HasSubstr("did you mean --nodes?")));
  EXPECT_FALSE(fs::exists(folder.cluster()));
}

TEST(Usage, UnknownVerbIsRefusedWithASuggestion) {
  const Outcome outcome = Hexad({"statsu"});
  EXPECT_EQ(outcome.exit_code, kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean status?"));
}

TEST(Usage, NoVerbIsWrongUsage) {
  EXPECT_EQ(Hexad({}).exit_code, kUsage);
  EXPECT_EQ(Hexad({"volume"}).exit_code, kUsage);
  EXPECT_EQ(Hexad({"kill"}).exit_code, kUsage);
}

TEST(Usage, OptionsMayStandBeforeOrAfterTheVerb) {
  const ScratchFolder folder;
  const Outcome before = Hexad({"--dir", folder.cluster(), "status"});
  const Outcome after = Hexad({"status", "--dir", folder.cluster()});
  EXPECT_EQ(before.exit_code, kFailed);
  EXPECT_EQ(before.err, after.err);
  EXPECT_THAT(after.err, HasSubstr("hexad up"));
}

TEST(Usage, EveryVerbWithoutAClusterSaysHowToGetOne) {
  const ScratchFolder folder;
  const std::vector<std::vector<std::string>> commands = {{"status"},         {"doctor"},
                                                          {"logs", "n1"},     {"kill", "n1"},
                                                          {"volume", "list"}, {"verify", "main"}};
  for (const auto& command : commands) {
    const Outcome outcome = folder.Run(command);
    EXPECT_EQ(outcome.exit_code, kFailed) << command[0] << outcome.Said();
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("no cluster"), HasSubstr("hexad up")));
  }
  EXPECT_EQ(folder.Run({"down"}).exit_code, 0) << "nothing to stop is no failure";
}

TEST(Usage, FewerThanSixNodesCannotHoldSixCopies) {
  const ScratchFolder folder;
  const Outcome outcome = folder.Run({"up", "--nodes", "5"});
  EXPECT_EQ(outcome.exit_code, kUsage) << outcome.Said();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("too few"), HasSubstr("4 of 6")));
}

TEST(Usage, OneAzIsRefused) {
  const ScratchFolder folder;
  EXPECT_EQ(folder.Run({"up", "--azs", "1"}).exit_code, kUsage);
  EXPECT_EQ(folder.Run({"up", "--azs", "9"}).exit_code, kUsage);
  EXPECT_EQ(folder.Run({"up", "--nodes", "many"}).exit_code, kUsage);
}

TEST(Usage, ABadVolumeNameIsRefusedBeforeAFolderIsMade) {
  const ScratchFolder folder;
  for (const std::string& bad : {std::string("Bad Name"), std::string(64, 'x')}) {
    const Outcome outcome = folder.Run({"up", "--volume", bad});
    EXPECT_EQ(outcome.exit_code, kUsage) << outcome.Said();
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("cannot be called"), HasSubstr("1 to 63")));
    EXPECT_FALSE(fs::exists(folder.cluster()));
  }
}

TEST(Usage, TwoAzsGetOneClearMessage) {
  const ScratchFolder folder;
  const Outcome outcome = folder.Run({"up", "--azs", "2"});
  EXPECT_EQ(outcome.exit_code, kUsage) << outcome.Said();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("--azs 2"), HasSubstr("in three AZs")));
}

struct BadTopology {
  std::string name;
  std::string text;
  std::string complaint;
};

void PrintTo(const BadTopology& bad, std::ostream* out) { *out << bad.name; }

class BrokenTopology : public testing::TestWithParam<BadTopology> {};

TEST_P(BrokenTopology, IsRefusedBeforeAFolderIsMade) {
  const ScratchFolder folder;
  const std::string file = folder.Write("topology.toml", GetParam().text);
  const Outcome outcome = folder.Run({"up", "--topology", file});
  EXPECT_EQ(outcome.exit_code, kUsage) << outcome.Said();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr(GetParam().complaint), HasSubstr("next:")));
  EXPECT_FALSE(fs::exists(folder.cluster()));
}

INSTANTIATE_TEST_SUITE_P(
    Usage, BrokenTopology,
    testing::Values(
        BadTopology{"NotToml", "[[node]\nid = ", "topology.toml:"},
        BadTopology{"Empty", "", "no [[node]]"},
        BadTopology{"FiveNodes", TopologyText(5), "do not fit"},
        BadTopology{"OneAz", TopologyText(6, "a"), "do not fit"},
        BadTopology{"DuplicateId", TopologyText(6) + TopologyText(1), "twice"},
        BadTopology{"MisspeltKey", TopologyText(6) + "[[nod]]\nid = \"n7\"\n", "unknown key"},
        BadTopology{
            "ElsewhereAddress",
            "[[node]]\nid = \"n9\"\naz = \"a\"\naddress = \"10.1.2.3:7001\"\n" + TopologyText(6),
            "this machine only"},
        BadTopology{"ReservedName",
                    "[[node]]\nid = \"compute\"\naz = \"a\"\naddress = \"127.0.0.1:32766\"\n" +
                        TopologyText(6),
                    "cannot be called compute"},
        BadTopology{"RelaysName",
                    "[[node]]\nid = \"relay\"\naz = \"a\"\naddress = \"127.0.0.1:32766\"\n" +
                        TopologyText(6),
                    "cannot be called relay"}),
    [](const auto& info) { return info.param.name; });

TEST(Usage, TopologyAndNodesContradictEachOther) {
  const ScratchFolder folder;
  const std::string file = folder.Write("topology.toml", TopologyText(6));
  EXPECT_EQ(folder.Run({"up", "--topology", file, "--nodes", "6"}).exit_code, kUsage);
  EXPECT_EQ(folder.Run({"up", "--topology", folder.root() + "/none.toml"}).exit_code, kUsage);
}

TEST(Usage, ForeignFolderIsLeftAlone) {
  const ScratchFolder folder;
  const std::string precious = folder.Write("cluster/thesis.tex", "years of work");
  for (const char* verb : {"up", "status", "down"}) {
    const Outcome outcome = folder.Run({verb});
    EXPECT_EQ(outcome.exit_code, kFailed) << verb << outcome.Said();
    EXPECT_THAT(outcome.err, HasSubstr("not a Hexad cluster"));
  }
  EXPECT_EQ(folder.Run({"down", "--wipe"}).exit_code, kFailed);
  EXPECT_TRUE(fs::exists(precious));
}

TEST(Usage, FolderOfAnotherFormatIsNotTouched) {
  const ScratchFolder folder;
  folder.Write("cluster/cluster.json", R"({"format": 99, "hexad": "9.9.0"})");
  const Outcome outcome = folder.Run({"status"});
  EXPECT_EQ(outcome.exit_code, kFailed);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("format 99"), HasSubstr("9.9.0")));
  folder.Write("cluster/cluster.json", "{\"format\": 1, \"nodes\": [");
  EXPECT_EQ(folder.Run({"up"}).exit_code, kFailed);
  fs::remove(folder.cluster() + "/cluster.json");
}

// Holds a port as some other program would.
class PortHolder {
 public:
  explicit PortHolder(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    held_ = bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
            listen(fd_, 1) == 0;
  }
  ~PortHolder() { close(fd_); }
  bool held() const { return held_; }

 private:
  int fd_;
  bool held_ = false;
};

TEST(Usage, PortInUseNamesItsHolderAndStartsNothing) {
  const ScratchFolder folder;
  const PortHolder holder(32703);
  ASSERT_TRUE(holder.held()) << "port 32703 is needed by this test";
  const std::string file = folder.Write("topology.toml", TopologyText(6));
  const Outcome outcome = folder.Run({"up", "--topology", file});
  EXPECT_EQ(outcome.exit_code, kFailed) << outcome.Said();
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("32703"), HasSubstr("n3"),
                                 HasSubstr("pid " + std::to_string(getpid()))));
  for (int port = 32701; port <= 32706; ++port) {
    EXPECT_EQ(launcher::PortIsFree(port), port != 32703) << port;
  }
  const Outcome doctor = folder.Run({"doctor"});
  EXPECT_EQ(doctor.exit_code, kFailed);
  EXPECT_THAT(doctor.out, HasSubstr("port 32703 of n3 is in use"));
}

}  // namespace
}  // namespace hexad::cluster_test
