#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <string_view>
#include <unordered_set>

namespace countersign::app {

// Which of the last so many texts were seen, by their 64-bit hashes: what chance mistakes for seen is one in
// 10^14.
class RecentlySeen {
  public:
    explicit RecentlySeen(std::size_t at_most) : at_most_(at_most) {}
    // False: it was there already.
    bool add(std::string_view text) {
        const auto hash = std::hash<std::string_view>{}(text);
        if (!hashes_.insert(hash).second) return false;
        order_.push_back(hash);
        if (order_.size() > at_most_) {
            hashes_.erase(order_.front());
            order_.pop_front();
        }
        return true;
    }

    bool has(std::string_view text) const { return hashes_.contains(std::hash<std::string_view>{}(text)); }

  private:
    std::size_t at_most_;
    std::deque<std::size_t> order_;
    std::unordered_set<std::size_t> hashes_;
};

}  // namespace countersign::app
