// The inside of VolumeWorld: its nodes and writers.
#pragma once

#include "tests/model/volume_world.h"

namespace hexad::model {

struct VolumeWorld::Node {
  size_t index = 0;
  NodeId id;
  AzId az;
  Incarnation incarnation;
  storage_node::MemorySegmentStore store;
  std::unique_ptr<storage_node::NodeCore> core;  // null: down
  std::deque<storage_node::Persist> persists;    // written, not yet answered
  std::optional<storage_node::Coalesce> coalesce;
  std::map<storage_node::CallId, std::optional<quorum::PageRead>> reads;
  std::map<storage_node::CallId, quorum::Refused> refused;
  std::map<storage_node::CallId, size_t> gossip_from;  // who asked
};

struct VolumeWorld::Writer {
  uint64_t id = 0;
  std::unique_ptr<backtrack::Opening> opening;
  std::unique_ptr<quorum::VolumeWriter> writer;
  EpochId epoch;
  bool fenced = false;
  bool growing = false;
  struct Stream {
    storage_node::ConnId conn;
    std::deque<quorum::SegmentRequest> out;
    std::deque<quorum::SegmentAnswer> in;
  };
  std::map<size_t, Stream> streams;  // by node index; absent: not connected
  std::map<PageNo, Lsn> page_lsn;    // of its newest change, as a page cache knows it
  std::map<Lsn, uint64_t> waiting;   // commit LSN -> MTR id
};

}  // namespace hexad::model
