#pragma once
#include <memory>
#include <vector>

#include "countersign/app/requests.hpp"

namespace countersign::app {

// Carries out cards and errands: the reconciler. Work arrives directly from this process' own commits and,
// every `poll`, from rows nobody holds. Changes of one card collapse into one edit; results are settled in
// batches. One task of the I/O thread's group.
class Outbox final : public CardWorker {
  public:
    struct Parts {
        OutboxStore& outbox;
        CaseStore& cases;
        Roster& roster;
        const Chats& chats;
        Counters& counters;
    };
    Outbox(const Runtime& runtime, Parts parts);
    ~Outbox() override;
    void take(std::vector<CardJob> cards, std::vector<Errand> errands, CasePtr now) override;
    rt::asio::awaitable<void> run();       // until cancelled
    Later<Done> drain(Deadline deadline);  // finishes what is under way, hands the rest back

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace countersign::app
