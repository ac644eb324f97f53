// Opening a volume: seal, inventory, refill, begin (docs/recovery.md). Crash recovery, failover and
// backtrack, which differs in where it forks (docs/fork.md): it first recovers the head like any
// other opening, so that what it leaves behind is whole, then looks for the commit to go back to.
//
//             poll          3 promises            inventories          write quorum         4 begun
//   [polling] ----> [sealing] ---> [taking inventory] ---> [refilling] ----> [beginning] ---->
//   opened
//        |               |  every PG                            | no write quorum alive
//        | writer heard  | higher promise: back off, outnumber  +----> read-only at VDL', still
//        trying v               v
//      failed         [polling]
//
// What is proved at each arrow is argued in docs/recovery.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "backtrack/commit_search.h"
#include "quorum/base/core.h"
#include "quorum/messages.h"
#include "quorum/volume_recovery.h"
#include "quorum/volume_writer.h"

namespace hexad::backtrack {

enum class OpenMode : uint8_t {
  kOperator,   // somebody ordered it: fence whoever writes now
  kAutomatic,  // a supervisor guesses that the writer is gone: keep off while it is heard
  kSnapshot,   // only poll: never promises, never begins, ends at OpenedReadOnly
};

// Where a volume goes back to.
using BacktrackTarget = ForkTarget;

struct OpeningOptions {
  OpenMode mode = OpenMode::kOperator;
  // The new epoch forks there, and what follows is left behind as a branch (docs/fork.md). Nothing:
  // it forks at the recovered VDL.
  std::optional<BacktrackTarget> backtrack;
  // What the name says: timeline, page size, and the first PG. Used as it is until the first epoch
  // begins; after that the first PG's segments hold the manifest.
  quorum::Manifest named;
  uint64_t claimant = 0;           // drawn at random by the process, never reused
  uint64_t seed = 1;               // of the back-off between contenders
  uint64_t lal = quorum::kMaxLal;  // no writer of this volume ever kept to more
  // kSnapshot: a read point that was offered before; the next one is never lower.
  Lsn at_least;
  Duration writer_silence = Duration::Seconds(3);   // kAutomatic: heard within this = alive
  Duration answer_grace = Duration::Millis(30);     // after a read quorum, wait this for the rest
  Duration retry_after = Duration::Millis(400);     // ask again what was not answered
  Duration read_only_after = Duration::Seconds(2);  // without write quorum: serve reads at VDL'
};

struct OpeningStart {};
struct OpeningTick {};
using OpeningInput =
    std::variant<OpeningStart, quorum::NodeUp, quorum::NodeDown, quorum::NodeAnswered, OpeningTick>;

// A write quorum of every PG holds the epoch and everything at or below its fork: the volume is
// this writer's. `begun` members need no second Begin.
struct Opened {
  quorum::WriterStart start;
  // After a backtrack: the commit that was gone back to, and the first one that is invisible now.
  std::optional<quorum::CommitPoint> forked_at;
  std::optional<quorum::CommitPoint> first_left;
  // Answers that count, per PG of the manifest and member, for the selector: SCLs along the new
  // path.
  std::vector<std::vector<std::optional<Lsn>>> scls;
};

// The volume can be read at `read_point`, and not written. After sealing: a read quorum of every PG
// promised and told what it holds, but no write quorum is there; the opening goes on and may still
// become Opened. From a snapshot: the highest VDL that a read quorum of every PG had heard, and
// what is complete for it by a second poll, so that no page is older than the read point says.
struct OpenedReadOnly {
  EpochId epoch;        // what reads must claim
  bool sealed = false;  // it is promised and has not begun: reads must say so (ReadPage::sealed)
  Lsn read_point;
  quorum::Manifest manifest;
  std::vector<quorum::PgPath> histories;  // per PG: that the read point lies on
  std::vector<Lsn> complete_to;           // per PG: the tail
  std::vector<std::vector<std::optional<Lsn>>> scls;
};

struct OpeningFailed {
  absl::Status status;
};

using OpeningEffect = std::variant<quorum::Send, Opened, OpenedReadOnly, OpeningFailed>;

// Which answers count now, of the members that are up, per PG of the manifest.
struct OpeningCount {
  PgId pg;
  quorum::MemberSet promised;
  quorum::MemberSet listed;             // its inventory
  std::vector<std::optional<Lsn>> scl;  // by member: what it listed, raised by refills
};

class OpeningRun;

class Opening {
 public:
  using Input = OpeningInput;
  using Effects = std::vector<OpeningEffect>;

  explicit Opening(OpeningOptions options);
  ~Opening();

  void Step(const Input& in, Instant now, Effects& out);
  Instant NextDeadline() const;
  void CheckInvariants() const;

  // "sealing epoch 7: PG 0: 2 of 3 answers (n1 n2), down: n3 n4": what a waiting user is told.
  std::string Describe() const;
  // For whoever checks what an opening goes on with.
  std::vector<OpeningCount> Count() const;

 private:
  std::unique_ptr<OpeningRun> run_;
};

}  // namespace hexad::backtrack
