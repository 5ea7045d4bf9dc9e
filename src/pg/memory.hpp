#pragma once
#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pg/rows.hpp"

namespace countersign::pg {

// Requests, rules and entries never change once written, so those read before need not be read again: only
// what came after. Where room is needed, decided cases go before those that wait for votes, and of either the
// least recently used first: when thousands wait and are voted on in turn, those next in turn are still here.
// What is taken is put back by whoever took it, or not, when it may no longer be true. Thread-safe.
class Memory {
  public:
    explicit Memory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    // Null: it is not known here.
    StoredCasePtr take(const core::RequestId& request) {
        std::lock_guard lock(mutex_);
        auto found = index_.find(request);
        if (found == index_.end()) return nullptr;
        return forget(found);
    }
    void put(StoredCasePtr known) {
        if (core::final(known->state) || known->weight_bytes > bytes_max_ / 4) return;
        std::lock_guard lock(mutex_);
        const core::RequestId id = known->c.request->id;
        auto had = index_.find(id);
        if (had != index_.end()) {  // somebody read it meanwhile: the longer one stays
            if ((*had->second)->c.version() >= known->c.version()) return;
            forget(had);
        }
        share_rules(known->c.applied);
        bytes_ += known->weight_bytes;
        Order& order = order_of(*known);
        order.push_front(std::move(known));
        index_.emplace(id, order.begin());
        while (bytes_ > bytes_max_) {
            const Order& from = decided_.empty() ? waiting_ : decided_;
            forget(index_.find(from.back()->c.request->id));
        }
    }

  private:
    using Order = std::list<StoredCasePtr>;  // the most recently used first
    using Index = std::unordered_map<core::RequestId, Order::iterator>;

    Order& order_of(const StoredCase& known) {
        return known.state == core::State::pending ? waiting_ : decided_;
    }
    StoredCasePtr forget(Index::iterator found) {
        StoredCasePtr known = std::move(*found->second);
        bytes_ -= known->weight_bytes;
        order_of(*known).erase(found->second);
        index_.erase(found);
        return known;
    }

    // Rules that apply to many requests alike are kept once.
    void share_rules(Shared<core::Applied>& applied) {
        constexpr std::size_t rules_max = 16;
        auto same = std::ranges::find(rules_, applied);
        if (same == rules_.end()) {
            if (rules_.size() == rules_max) rules_.pop_back();
            rules_.insert(rules_.begin(), applied);
        } else {
            applied = *same;
            std::rotate(rules_.begin(), same, same + 1);
        }
    }

    const std::size_t bytes_max_;
    std::mutex mutex_;
    Order waiting_;
    Order decided_;
    Index index_;
    std::vector<Shared<core::Applied>> rules_;  // the last used first
    std::size_t bytes_ = 0;
};

}  // namespace countersign::pg
