#pragma once
#include <memory>
#include <vector>

#include "countersign/app/batches.hpp"
#include "countersign/app/leased_work.hpp"
#include "countersign/app/quiet.hpp"
#include "countersign/app/receipts.hpp"
#include "countersign/app/requests.hpp"

namespace countersign::app {

// Brings cards in line with their requests and says in their threads what happened. Work comes directly from
// this process' own commits and, every `poll`, from rows that nobody holds; many changes of a request
// collapse into one edit of each of its cards.
class Outbox final : public CardWorker {
  public:
    struct Parts {
        OutboxStore& outbox;
        CaseStore& cases;
        Roster& roster;
        const Chats& chats;
        Counters& counters;
        const ReceiptLinks* receipts = nullptr;  // nullptr: cards lead to none
        BatchStore* batches = nullptr;           // nullptr: every request has a card of its own
        QuietTimes* quiet = nullptr;             // nullptr: people are told in person at any time
    };
    Outbox(const Runtime& runtime, rt::asio::any_io_executor executor, Parts parts);
    ~Outbox() override;
    void opened(CasePtr now, std::vector<CardState> cards) override;
    void changed(CasePtr now, std::int32_t before) override;
    void leases_freed();  // rows may have become due that another replica held: now, not at the next poll
    rt::asio::awaitable<void> run();       // a loop of a task group
    Later<Done> drain(Deadline deadline);  // finishes what is under way, hands the rest back

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace countersign::app
