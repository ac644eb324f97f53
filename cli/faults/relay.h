// The network of a test cluster: every connection between two of its processes goes through this
// relay, which can hold back what travels in one direction or let it arrive later.
//
//   n1 --connects to 127.7.0.1:7003--> relay --connects to 127.0.0.1:7003--> n3
//
// A cut direction loses nothing: bytes stay where they are, as TCP keeps them through a partition,
// and travel on once it is healed. No reset and no end of stream crosses a cut, and a connection
// that begins while either direction is cut is not made before the heal, as a handshake needs both.
// (Over a real network a one-way cut also loses the acknowledgements of the other direction, which
// TCP then stalls; here the other direction goes on, which is the harder case.)
//
// One thread, one poll loop. It copies bytes and understands none of them.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/faults/link_rules.h"
#include "cli/faults/pipe.h"

struct pollfd;

namespace hexad::faults {

class Relay {
 public:
  // Listens for every link. UNAVAILABLE names an address that is in use.
  static absl::StatusOr<std::unique_ptr<Relay>> Listen(const std::vector<Link>& links);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void Apply(LinkRules rules) { rules_ = std::move(rules); }
  const LinkRules& rules() const { return rules_; }
  size_t connections() const { return connections_.size(); }

  // Moves what can be moved, or waits until something can or `wake_fd` is readable.
  void Step(int wake_fd);

 private:
  struct Listener {
    Link link;
    int fd;
  };
  // `near` is the end of who connected, `far` the end of who was connected to (-1: not yet).
  struct Connection {
    const Link* link;
    int near = -1;
    int far = -1;
    bool connecting = false;
    bool broken = false;
    Pipe out = {};   // near -> far
    Pipe back = {};  // far -> near
  };

  Relay() = default;
  bool OutCut(const Connection& c) const { return rules_.Of(c.link->from, c.link->to).cut; }
  bool BackCut(const Connection& c) const { return rules_.Of(c.link->to, c.link->from).cut; }
  bool Held(const Connection& c) const { return OutCut(c) || BackCut(c); }
  void Accept(const Listener& listener);
  static bool Dial(Connection& connection);
  // What each of its two sockets waits for, as poll(2) events; 0: leave it alone.
  std::pair<short, short> Interests(const Connection& connection, uint64_t now_us) const;
  uint64_t NextDue(uint64_t now_us) const;
  // False once it is over.
  bool Move(Connection& connection, uint64_t now_us);
  bool Finish(Connection& connection);

  LinkRules rules_;
  std::vector<Listener> listeners_;
  std::list<Connection> connections_;
};

}  // namespace hexad::faults
