#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "countersign/core/value.hpp"
#include "countersign/rt/signal.hpp"

namespace countersign::sandbox {

// Keeps what happened in the workspace, for pages that watch. A watcher that fell behind further than the
// feed remembers starts over.
class Feed {
  public:
    static constexpr std::size_t items_max = 512;
    struct Item {
        std::uint64_t number;
        std::string text;  // a complete server-sent event
    };

    explicit Feed(rt::asio::any_io_executor executor) : news_(std::move(executor)) {}

    void publish(std::string_view kind, const core::Value& data);
    std::uint64_t last() const { return last_; }
    // Returns everything after `seen`, joined; nullopt where some of it is forgotten.
    std::optional<std::string> after(std::uint64_t seen) const;
    rt::Signal& news() { return news_; }
    void watched(int change) { watchers_ += change; }

  private:
    std::uint64_t last_ = 0;
    int watchers_ = 0;
    std::deque<Item> items_;
    rt::Signal news_;
};

}  // namespace countersign::sandbox
