#include <chrono>
#include <utility>

#include "countersign/adapters/evidence.hpp"
#include "countersign/base/log.hpp"
#include "evidence/signer.hpp"

namespace countersign::evidence {
namespace {

constexpr core::Duration publish_patience{std::chrono::seconds{5}};
// A checkpoint comes so long after an event at the latest, where nothing fails.
constexpr core::Duration publish_pace{std::chrono::milliseconds{400}};
constexpr core::Duration publish_retry{std::chrono::seconds{1}};
// So often it is looked whether all is signed, whatever was heard.
constexpr core::Duration publish_look{std::chrono::seconds{5}};

class RealPublisher final : public LogPublisher {
  public:
    RealPublisher(LogIdentity identity, bool signs, const app::Runtime& runtime, app::Log& log,
                  app::TreeStore& tree)
        : signer_(std::move(identity)), signs_(signs), runtime_(runtime), log_(log), tree_(tree) {}

    rt::asio::awaitable<void> run() override {
        for (;;) {
            std::int64_t seen = log_.size();
            auto done = co_await once();
            bool failed = !done;
            note(done);
            auto cut = co_await runtime_.timers.sleep_until(runtime_.now() +
                                                            (failed ? publish_retry : publish_pace));
            if (cut) co_return;
            if (failed || log_.size() != seen) continue;
            co_await log_.grown().wait_until(runtime_.timers, runtime_.now() + publish_look);
        }
    }
    std::string problem() const override { return problem_; }

  private:
    Later<Done> once();
    void note(const Result<Done>& done);

    const Signer signer_;
    const bool signs_;
    const app::Runtime& runtime_;
    app::Log& log_;
    app::TreeStore& tree_;
    std::string problem_;
};

Later<Done> RealPublisher::once() {
    Result<app::TreeStore::Integrated> grown = app::TreeStore::Integrated{{}, true};
    while (grown->more) {
        grown = co_await tree_.integrate(runtime_.within(publish_patience));
        if (!grown) co_return pass(grown);
    }
    if (!signs_ || grown->head.size == 0) co_return Done{};
    auto sign = [this](const app::TreeStore::ToSign& what) { return signer_.sign(what); };
    auto published = co_await tree_.publish(signer_.origin(), sign, runtime_.within(publish_patience));
    if (!published) co_return pass(published);
    co_return Done{};
}

void RealPublisher::note(const Result<Done>& done) {
    std::string problem = done ? std::string{} : done.error().detail;
    if (problem == problem_) return;
    if (problem.empty())
        log::info("log", "checkpoints are signed again");
    else if (done.error().trouble == Trouble::unavailable)
        log::warn("log", "no checkpoint is signed: {}", problem);
    else
        log::error("log", "no checkpoint is signed: {}", problem);
    problem_ = std::move(problem);
}

}  // namespace

std::unique_ptr<LogPublisher> make_log_publisher(LogIdentity identity, bool signs,
                                                 const app::Runtime& runtime, app::Log& log,
                                                 app::TreeStore& tree) {
    return std::make_unique<RealPublisher>(std::move(identity), signs, runtime, log, tree);
}

}  // namespace countersign::evidence
