#include "cli/watch.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "cli/outcome.hpp"

namespace countersign::cli {
namespace {

// Proxies cut what is silent for longer: HAProxy's and nginx's usual settings after 50 s and 60 s.
constexpr std::chrono::seconds poll_least{2};
constexpr std::chrono::seconds poll_first{5};
constexpr core::Duration poll_slack = std::chrono::seconds{15};
constexpr core::Duration poll_soonest = std::chrono::seconds{1};  // what ends earlier was no poll
constexpr core::Duration look_least = std::chrono::milliseconds{200};

}  // namespace

// At once without an etag, else when the version differs from it or `poll_` has passed. nullopt: nothing new.
Later<std::optional<Reply>> Watch::look() {
    Call call{.path = "/v1/requests/" + id_, .fields = {}, .body = {}, .shape = is_request_named(id_)};
    core::Instant begun = client_.now();
    auto left = how_.until - begun;
    if (!etag_.empty()) {
        // It is known after some seconds whether a chat shows it, and that changes no version.
        const auto length = looks_again_ ? std::min(poll_, poll_first) : poll_;
        auto poll =
            std::clamp(std::chrono::floor<std::chrono::seconds>(left), std::chrono::seconds{0}, length);
        call.fields = {{"Prefer", fmt::format("wait={}", poll.count())}, {"If-None-Match", etag_}};
        call.patience = poll + poll_slack;
    }
    call.patience = std::min(call.patience, std::max<core::Duration>(left, look_least));
    auto reply = co_await client_.call(std::move(call));
    if (!reply) co_return pass(reply);
    if (reply->status == 200) co_return std::optional{std::move(*reply)};
    if (reply->status != 304) co_return std::unexpected(failure_of(*reply));
    if (client_.now() - begun < poll_soonest) {  // a proxy that answers for the server: no storm
        auto paused = co_await client_.pause(2);
        if (!paused) co_return pass(paused);
    }
    co_return std::nullopt;
}

// Fails with the failure itself where it is final or has gone on for too long; otherwise the watch goes on.
Later<Done> Watch::after_failure(const Failure& failure, core::Instant begun) {
    if (exit_of(failure) != exit_unreachable) co_return std::unexpected(failure);
    const bool polled = !etag_.empty();
    etag_.clear();  // the next look answers at once: so a state reached meanwhile is not missed
    if (polled && client_.now() - begun >= poll_soonest) {
        // Something on the way may have cut a silent connection. Only if the next look fails is it an outage.
        poll_ = std::max(poll_ / 2, poll_least);
        co_return Done{};
    }
    if (failures_ == 0) failing_since_ = client_.now();
    if (client_.now() - failing_since_ >= how_.unreachable_after) co_return std::unexpected(failure);
    if (failures_ == 0 && how_.on_trouble) how_.on_trouble(failure);
    const auto give_up = std::min(failing_since_ + how_.unreachable_after, how_.until);
    co_return co_await client_.pause(failures_++, failure.not_before, give_up);
}

Later<core::Value> Watch::decided() {
    while (true) {
        core::Instant begun = client_.now();
        if (begun >= how_.until) {
            if (!seen_.is_null()) co_return seen_;
            co_return fail(Trouble::timed_out, "the request could not be looked at in time");
        }
        auto seen = co_await look();
        if (!seen) {
            auto on = co_await after_failure(seen.error(), begun);
            if (!on) co_return pass(on);
            continue;
        }
        failures_ = 0;
        if (!*seen && std::exchange(looks_again_, false)) etag_.clear();
        if (!*seen) continue;
        seen_ = std::move((*seen)->body);
        if (seen_["state"].text() != "pending") co_return seen_;
        if (how_.on_change) how_.on_change(seen_);
        looks_again_ = !std::exchange(looked_twice_, true);
        etag_ = (*seen)->etag.empty() ? fmt::format("\"{}\"", seen_["version"].whole()) : (*seen)->etag;
    }
}

}  // namespace countersign::cli
