#include "countersign/app/unannounced.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

constexpr core::Duration look_within = std::chrono::seconds{5};
constexpr std::size_t channels_told_max = 5;

std::string warning_of(const std::vector<CardProblem>& problems) {
    std::map<std::string, std::string> channels;
    std::set<core::RequestId> unseen;
    for (const CardProblem& problem : problems) {
        channels.try_emplace(
            problem.target.channel.empty()
                ? fmt::format("{}: no channel for some requests", core::name_of(problem.target.surface))
                : fmt::format("{} {} cannot be posted to", core::name_of(problem.target.surface),
                              visible(problem.target.channel)),
            visible(problem.problem));
        if (!problem.request_shown) unseen.insert(problem.request);
    }
    std::vector<std::string> parts;
    for (const auto& [channel, why] : channels) {
        if (parts.size() == channels_told_max) {
            parts.push_back(fmt::format("and {} more channels", channels.size() - channels_told_max));
            break;
        }
        parts.push_back(fmt::format("{}: {}", channel, why));
    }
    if (!unseen.empty())
        parts.push_back(fmt::format("{} that no chat shows",
                                    unseen.size() == 1
                                        ? std::string("1 request is pending")
                                        : fmt::format("{} requests are pending", unseen.size())));
    return join(parts, "; ");
}

}  // namespace

rt::asio::awaitable<void> UnannouncedWatch::run() {
    for (;;) {
        auto read = co_await outbox_.problems(std::nullopt, looked_at_max, runtime_.within(look_within));
        if (read) {
            auto found = warning_of(*read);
            if (found != warning_ && !found.empty()) log::warn("app", "{}", found);
            warning_ = std::move(found);
        }
        auto cancelled = co_await runtime_.timers.sleep_until(runtime_.now() + look_every);
        if (cancelled) co_return;
    }
}

}  // namespace countersign::app
