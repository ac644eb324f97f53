// What a completion queue gives back: somebody to tell that an operation has ended.
//
// Every operation that is started on the node's completion queue has a Completion as its tag. The
// one thread that drains the queue calls Complete() on each; the object must live until then.
#pragma once

namespace hexad::storage_node {

class Completion {
 public:
  // `ok`: gRPC's verdict; what it means depends on the operation.
  virtual void Complete(bool ok) = 0;

 protected:
  ~Completion() = default;
};

// Calls a member function of its owner. The owner may delete itself, and this object, in it.
template <class Owner>
class CompletionOf final : public Completion {
 public:
  using Method = void (Owner::*)(bool ok);
  CompletionOf(Owner* owner, Method method) : owner_(owner), method_(method) {}
  void Complete(bool ok) override { (owner_->*method_)(ok); }

 private:
  Owner* owner_;
  Method method_;
};

}  // namespace hexad::storage_node
