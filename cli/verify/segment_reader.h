// Reads one page from every segment of its PG, each asked directly: not the way an engine reads
// (one segment, the fastest), but the way to find out whether all six hold the same.
//
// Reads go out asynchronously, with a bound on how many are in flight.
// Thread-safety: one thread calls; answers come on gRPC's threads.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "proto/read_codec.h"
#include "proto/segment.grpc.pb.h"
#include "quorum/membership.h"
#include "topology/topology.h"

namespace hexad::cli {

// What one segment holds of a page.
struct SegmentCopy {
  std::string node;
  bool answered = false;
  bool left_out = false;  // not asked any more: it let too many reads time out, one after another
  std::string trouble;    // why not: a refusal's message, or an error of the connection
  Lsn page_lsn;
  BytesRef page;
};

// Which history is read, and as of when.
struct ReadPoint {
  quorum::Manifest manifest;
  EpochId epoch;
  bool sealed = false;  // it has not begun (quorum::ReadPage)
  Lsn lsn;
};

class SegmentReader {
 public:
  // `copies` is in the order of the PG's members.
  using Done = std::function<void(PageNo page, std::vector<SegmentCopy> copies)>;

  SegmentReader(const topology::Topology& topology, ReadPoint read_point);
  ~SegmentReader();  // waits for what is in flight

  const ReadPoint& read_point() const { return read_point_; }

  // Blocks while too many reads are in flight. `done` is called once, on some thread.
  // REQUIRES: the page lies in a PG of the manifest.
  void Read(PageNo page, Done done);
  void WaitForAll();
  // Nodes that hang: after kMaxTimeouts reads in a row that timed out they are asked no more, so
  // that they cost seconds and not hours.
  std::set<std::string> LeftOut() const;

 private:
  static constexpr int kMaxTimeouts = 3;
  struct PageInFlight;
  bool IsLeftOut(const std::string& node) const;
  void Note(const std::string& node, bool timed_out);
  void AskSegment(const std::shared_ptr<PageInFlight>& page, size_t member);
  void Finished(PageInFlight& page);

  ReadPoint read_point_;
  std::map<std::string, std::unique_ptr<v1::SegmentService::Stub>> stubs_;  // by node
  mutable std::mutex mutex_;
  std::map<std::string, int> timeouts_;  // in a row, by node; kMaxTimeouts stays
  std::condition_variable changed_;
  int pages_in_flight_ = 0;
};

}  // namespace hexad::cli
