#pragma once
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "pg/rows.hpp"

namespace countersign::pg {

// Requests, rules and entries never change once written, so those read before need not be read again: only
// what came after. The least recently used go first. What is taken is put back by whoever took it, or not,
// when it may no longer be true. Thread-safe.
class Memory {
  public:
    explicit Memory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    std::optional<Known> take(const core::RequestId& request) {
        std::lock_guard lock(mutex_);
        auto found = index_.find(request);
        if (found == index_.end()) return std::nullopt;
        std::optional<Known> known(std::move(*found->second));
        bytes_ -= known->weight_bytes;
        order_.erase(found->second);
        index_.erase(found);
        return known;
    }
    void put(Known known) {
        if (core::final(known.state) || known.weight_bytes > bytes_max_ / 4) return;
        std::lock_guard lock(mutex_);
        auto [place, fresh] = index_.try_emplace(known.c.request.id);
        if (!fresh) {  // somebody read it meanwhile: the longer one stays
            if (place->second->c.version() >= known.c.version()) return;
            bytes_ -= place->second->weight_bytes;
            order_.erase(place->second);
        }
        bytes_ += known.weight_bytes;
        order_.push_front(std::move(known));
        place->second = order_.begin();
        while (bytes_ > bytes_max_) {
            bytes_ -= order_.back().weight_bytes;
            index_.erase(order_.back().c.request.id);
            order_.pop_back();
        }
    }

  private:
    const std::size_t bytes_max_;
    std::mutex mutex_;
    std::list<Known> order_;
    std::unordered_map<core::RequestId, std::list<Known>::iterator> index_;
    std::size_t bytes_ = 0;
};

}  // namespace countersign::pg
