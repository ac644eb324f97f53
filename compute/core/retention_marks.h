// How far back a volume can go, as its writer decides it: marks along the log, each an LSN with the
// commit time and the bytes of log that lay behind it, kept in the manifest so that they outlive
// the writer. What is older than the retention window, or behind more log than is retained, may go:
// the newest such mark is the next retention floor R (docs/fork.md).
//
// Time here is commit time: a volume that nobody writes to forgets nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quorum/base/instant.h"
#include "quorum/membership.h"
#include "quorum/volume_writer.h"

namespace hexad::compute {

class RetentionMarks {
 public:
  // Marks are a 32nd of the window apart (and of the bytes), but not closer than this.
  static constexpr Duration kShortestStep = Duration::Seconds(1);
  static constexpr int kSteps = 32;

  explicit RetentionMarks(Duration shortest_step = kShortestStep) : shortest_(shortest_step) {}

  // A tenure begins at `vdl`: what the manifest keeps, without what lies above (a backtrack undid
  // it).
  void Restart(const quorum::Manifest& manifest, Lsn vdl);
  // The writer issued a commit.
  void Issued(Lsn commit, CommitTime time, uint64_t bytes);
  // What the manifest should say, if that is news: a mark more, or a higher floor. All of it is
  // durable, at or below `vdl`.
  std::optional<quorum::Retain> Due(Lsn vdl);
  void SetRetention(const quorum::Retention& retention) { retention_ = retention; }
  // The newest commit time that is known: the next one is not earlier.
  CommitTime newest() const { return newest_.time; }

 private:
  bool IsStepFrom(const quorum::RetentionMark& last) const;
  Lsn Floor(const std::vector<quorum::RetentionMark>& marks) const;

  Duration shortest_;
  quorum::Retention retention_;
  std::vector<quorum::RetentionMark> kept_;       // in the manifest, by LSN
  std::optional<quorum::RetentionMark> pending_;  // the next one, perhaps not durable yet
  quorum::RetentionMark newest_;                  // the last commit
};

}  // namespace hexad::compute
