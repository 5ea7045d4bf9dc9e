#include "sandbox/feed.hpp"

#include <fmt/format.h>

namespace countersign::sandbox {

void Feed::publish(std::string_view kind, const core::Value& data) {
    ++last_;
    // Without a watcher nothing is kept: the number alone tells a later one to start over.
    if (watchers_ == 0) {
        items_.clear();
        return;
    }
    items_.push_back(
        {last_, fmt::format("id: {}\nevent: {}\ndata: {}\n\n", last_, kind, core::canonical(data))});
    if (items_.size() > items_max) items_.pop_front();
    news_.notify_all();
}

std::optional<std::string> Feed::after(std::uint64_t seen) const {
    if (seen == last_) return std::string{};
    if (seen > last_ || items_.empty() || items_.front().number > seen + 1) return std::nullopt;
    std::string text;
    for (const auto& item : items_)
        if (item.number > seen) text += item.text;
    return text;
}

}  // namespace countersign::sandbox
