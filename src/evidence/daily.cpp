#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "countersign/adapters/evidence.hpp"
#include "countersign/base/log.hpp"
#include "countersign/base/text.hpp"
#include "countersign/tlog/checkpoint.hpp"
#include "evidence/files.hpp"

namespace countersign::evidence {
namespace {

constexpr core::Duration daily_patience{std::chrono::seconds{20}};
constexpr core::Duration daily_pace{std::chrono::minutes{1}};
// Another replica keeps off a channel for so long while one is at it.
constexpr core::Duration daily_lease{std::chrono::minutes{1}};
constexpr core::Duration first_look{std::chrono::seconds{2}};

class RealDaily final : public DailyCheckpoints {
  public:
    RealDaily(DailyTargets targets, std::string origin, DailyParts parts)
        : targets_(std::move(targets)), origin_(std::move(origin)), parts_(parts) {}

    rt::asio::awaitable<void> run() override {
        auto pause = first_look;
        for (;;) {
            auto cut = co_await parts_.runtime.timers.sleep_until(parts_.runtime.now() + pause);
            if (cut) co_return;
            auto done = co_await once();
            note(done);
            // A log of which nothing is signed yet soon has a checkpoint.
            pause = done && !*done ? first_look : daily_pace;
        }
    }
    std::string problem() const override { return problem_; }

  private:
    Later<bool> once();
    Later<Done> write_file(std::string day, std::string note);
    Later<Done> tell(core::Surface surface, std::string channel, std::int64_t day, std::string note);
    void note(const Result<bool>& done);

    const DailyTargets targets_;
    const std::string origin_;
    DailyParts parts_;
    std::int64_t day_ = -1;             // days since 1970 of what is told below
    std::set<std::string> told_today_;  // by this process or, of channels, by any
    std::string problem_;
};

std::string day_text(std::int64_t day) {
    return core::rfc3339(core::Instant{std::chrono::hours{24 * day}}).substr(0, 10);
}

// False: nothing is signed yet.
Later<bool> RealDaily::once() {
    const auto today =
        std::chrono::duration_cast<std::chrono::hours>(parts_.runtime.now().time_since_epoch()).count() / 24;
    if (std::exchange(day_, today) != today) told_today_.clear();
    const std::size_t all = targets_.channels.size() + (targets_.folder.empty() ? 0 : 1);
    if (told_today_.size() == all) co_return true;
    auto newest = co_await parts_.tree.newest_checkpoint(origin_, parts_.runtime.within(daily_patience));
    if (!newest && newest.error().trouble == Trouble::not_found) co_return false;
    if (!newest) co_return pass(newest);
    // What fails in one place is no reason to leave the others out.
    Result<bool> outcome = true;
    auto note_failure = [&](Result<Done>& done) {
        if (!done) outcome = std::unexpected(std::move(done).error());
    };
    if (!targets_.folder.empty() && !told_today_.contains("")) {
        auto written = co_await write_file(day_text(today), *newest);
        note_failure(written);
    }
    for (const auto& [surface, channel] : targets_.channels) {
        if (told_today_.contains(fmt::format("{}:{}", core::name_of(surface), channel))) continue;
        auto told = co_await tell(surface, channel, today, *newest);
        note_failure(told);
    }
    co_return outcome;
}

// A file that is there already is left as it is: whoever looks after the folder may have locked it.
Later<Done> RealDaily::write_file(std::string day, std::string note) {
    namespace fs = std::filesystem;
    const std::string path = fmt::format("{}/{}.checkpoint", targets_.folder, day);
    std::error_code error;
    if (!fs::exists(path, error)) {
        const std::string fresh = fmt::format("{}.{}.new", path, parts_.runtime.process.text());
        auto written = write_whole(fresh, note);
        if (!written) co_return pass(written);
        // What the first of several replicas wrote stays.
        fs::create_hard_link(fresh, path, error);
        std::error_code ignored;
        if (error && !fs::exists(path, ignored)) fs::rename(fresh, path, error);
        fs::remove(fresh, ignored);
        if (!fs::exists(path, ignored))
            co_return fail(Trouble::unavailable,
                           fmt::format("cannot write {}: {}", visible(path), error.message()));
    }
    told_today_.insert("");
    co_return Done{};
}

Later<Done> RealDaily::tell(core::Surface surface, std::string channel, std::int64_t day, std::string note) {
    const auto name = fmt::format("{}:{}", core::name_of(surface), channel);
    const auto stream = "checkpoints " + name;
    const auto& runtime = parts_.runtime;
    const auto* entry = parts_.chats.find(surface);
    if (entry == nullptr)
        co_return fail(Trouble::unavailable,
                       fmt::format("{} is not set up, for {}", core::name_of(surface), visible(channel)));
    auto next = co_await parts_.positions.take(stream, runtime.process, runtime.now(),
                                               runtime.now() + daily_lease, runtime.within(daily_patience));
    if (!next) co_return pass(next);
    if (!*next) co_return Done{};  // another replica is at it
    if (**next <= day) {
        // The text of a note ends where its signatures begin.
        auto checkpoint = tlog::parse_checkpoint(note.substr(0, note.find("\n\n") + 1));
        auto words = fmt::format(
            "Checkpoint of the log {} on {}{}. Whoever keeps it can prove later that the log was not "
            "rewritten: countersign audit verify --checkpoint FILE",
            origin_, day_text(day),
            checkpoint ? fmt::format(": {} events", checkpoint->head.size) : std::string());
        auto told = co_await entry->chat.announce(std::move(words), std::move(note), channel,
                                                  runtime.within(daily_patience));
        if (!told && told.error().trouble != Trouble::timed_out)
            co_return fail(told.error().trouble, fmt::format("{}: {}", visible(name), told.error().detail));
    }
    auto kept = co_await parts_.positions.keep(stream, runtime.process, day + 1, runtime.now(),
                                               runtime.within(daily_patience));
    if (!kept) co_return pass(kept);
    told_today_.insert(name);
    co_return Done{};
}

void RealDaily::note(const Result<bool>& done) {
    std::string problem = done ? std::string{} : done.error().detail;
    if (problem == problem_) return;
    if (problem.empty())
        log::info("log", "today's checkpoint is published");
    else
        log::warn("log", "today's checkpoint is not published everywhere: {}", problem);
    problem_ = std::move(problem);
}

}  // namespace

std::unique_ptr<DailyCheckpoints> make_daily_checkpoints(DailyTargets targets, std::string origin,
                                                         DailyParts parts) {
    return std::make_unique<RealDaily>(std::move(targets), std::move(origin), parts);
}

}  // namespace countersign::evidence
