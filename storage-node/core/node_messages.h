// What a storage node's core is told, and what it wants done (node_core.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "quorum/messages.h"
#include "quorum/register.h"
#include "storage-node/core/plans.h"
#include "storage-node/core/store_batch.h"

namespace hexad::storage_node {

// A writer's stream, numbered by the host; never reused.
using ConnId = Strong<struct ConnIdTag, uint64_t>;
// A unary call waiting for its answer, numbered by the host; never reused.
using CallId = Strong<struct CallIdTag, uint64_t>;

// ---- inputs -------------------------------------------------------------------------------------

struct Tick {};

struct RequestReceived {
  ConnId conn;
  quorum::SegmentRequest request;
};

struct StreamClosed {
  ConnId conn;
};

// Comes in ticket order: the store's batches are one sequence.
struct Persisted {
  Ticket ticket;
};

// The disk had no space: nothing of the batch was stored. (Any other failure stops the node.)
struct NotPersisted {
  Ticket ticket;
};

struct ReadAsked {
  CallId call;
  quorum::ReadPage read;
};

struct GossipAsked {
  CallId call;
  quorum::GossipAsk ask;
};

// What a peer answered to AskPeer; nothing if it did not.
struct PeerAnswered {
  NodeId peer;
  PgId pg;
  TimelineId timeline;
  std::optional<quorum::GossipFill> fill;
};

// A CoalescePlan was carried out (or not: then the hot log stays and it is tried again).
struct Coalesced {
  Ticket ticket;
  absl::Status status;
};

// A peer's scrub asks.
struct ScrubAsked {
  CallId call;
  quorum::ScrubAsk ask;
};

// What came of ScrubOwn or ScrubPeer; nothing if it could not be read, was refused, or got lost.
struct Scrubbed {
  uint64_t question = 0;
  NodeId peer;  // empty: this node
  std::optional<quorum::ScrubFill> fill;
};

// A Repair was written, or not. RESOURCE_EXHAUSTED: nothing of it is stored. Any other failure
// stops the node.
struct Repaired {
  absl::Status status;
};

struct FormAsked {
  CallId call;
  ClusterId cluster;
  std::vector<quorum::RosterNode> roster;
};

struct RegisterAsked {
  CallId call;
  ClusterId cluster;
  std::string key;
  quorum::Ballot ballot;
  std::optional<std::string> accept;  // nothing = prepare
};

// A timeline is dropped, and with the last one of a PG's family its segment.
struct DropSegmentsAsked {
  CallId call;
  ClusterId cluster;
  TimelineId timeline;
  std::vector<PgId> pgs;
};

using NodeInput = std::variant<Tick, RequestReceived, StreamClosed, Persisted, NotPersisted,
                               ReadAsked, GossipAsked, PeerAnswered, Coalesced, ScrubAsked,
                               Scrubbed, Repaired, FormAsked, RegisterAsked, DropSegmentsAsked>;

// ---- effects ------------------------------------------------------------------------------------

// Write the batch synced, then give back Persisted. Batches of one drain may share one write.
struct Persist {
  Ticket ticket;
  StoreBatch batch;
};

struct Reply {
  ConnId conn;
  quorum::SegmentAnswer answer;
};

// Carry out with BuildPage (core/page_builder.h) on any thread, then answer the call.
struct ServeRead {
  CallId call;
  ReadPlan plan;
};

// Read the hot log as planned, on any thread, then answer the call with a GossipFill ...
struct ServeGossip {
  CallId call;
  LogPlan plan;
};

// ... or the stream with a LogPart.
struct ServeFetch {
  ConnId conn;
  LogPlan plan;
};

// Find the commit as planned (core/chain_index.h), on any thread, then answer the stream.
struct ServeFind {
  ConnId conn;
  FindPlan plan;
};

struct AskPeer {
  NodeId peer;
  quorum::GossipAsk ask;
};

// Carry out with GroupByPage and CoalescePage (core/page_builder.h) in the background, then give
// back Coalesced.
struct Coalesce {
  Ticket ticket;
  CoalescePlan plan;
};

// Carry out with RunScrub (io/scrub_runner.h) in the background, then answer the call with a
// ScrubFill, if MayServe(plan) still holds ...
struct ServeScrub {
  CallId call;
  ScrubPlan plan;
};

// ... or give it back as Scrubbed.
struct ScrubOwn {
  uint64_t question = 0;
  ScrubPlan plan;
};

// Give back what it answers as Scrubbed.
struct ScrubPeer {
  uint64_t question = 0;
  NodeId peer;
  quorum::ScrubAsk ask;
};

// Write the batch (kOrdered), then give back Repaired.
struct Repair {
  StoreBatch batch;
};

// The end of a unary call that needs no plan.
struct CallRefused {
  CallId call;
  quorum::Refused refused;
};

struct FormDone {
  CallId call;
  absl::Status status;
};

struct RegisterDone {
  CallId call;
  absl::Status status;
  bool granted = false;
  quorum::RegisterState state;
};

struct DropSegmentsDone {
  CallId call;
  absl::Status status;
};

using NodeEffect = std::variant<Persist, Reply, ServeRead, ServeGossip, ServeFetch, ServeFind,
                                AskPeer, Coalesce, ServeScrub, ScrubOwn, ScrubPeer, Repair,
                                CallRefused, FormDone, RegisterDone, DropSegmentsDone>;

}  // namespace hexad::storage_node
