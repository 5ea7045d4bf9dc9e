#pragma once
#include <memory>
#include <vector>

#include "countersign/app/service.hpp"

namespace countersign::app {

// Carries out cards and errands: the reconciler. Work arrives directly from this process' own commits and,
// every `poll`, from rows nobody holds. Changes of one card collapse into one edit; results are settled in
// batches. One task of the I/O thread's group.
class Outbox {
  public:
    explicit Outbox(World& world);
    ~Outbox();
    void take(std::vector<CardJob> cards, std::vector<Errand> errands, CasePtr now);
    rt::asio::awaitable<void> run();       // until cancelled
    Later<Done> drain(Deadline deadline);  // finishes what is under way, hands the rest back
    std::size_t backlog() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace countersign::app
