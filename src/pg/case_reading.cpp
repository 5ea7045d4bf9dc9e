#include <utility>

#include "countersign/base/log.hpp"
#include "pg/case_statements.hpp"
#include "pg/case_writer.hpp"
#include "pg/history_rows.hpp"
#include "pg/job.hpp"
#include "pg/rows.hpp"

// How cases are read, without anything being remembered of them.
namespace countersign::pg {

Result<core::Case> CaseWriter::read(Session& session, const core::RequestId& request) {
    std::optional<Failure> trouble;
    auto read = read_rows(session, {request}, [&](const Failure& failure) { trouble = failure; });
    if (!read) return pass(read);
    if (trouble) return std::unexpected(std::move(*trouble));
    if (read->empty()) return fail(Trouble::not_found, "there is no such request");
    return std::move(read->front());
}

Result<std::vector<core::Case>> CaseWriter::read_all(Session& session,
                                                     const std::vector<core::RequestId>& requests) {
    return read_rows(session, requests, [](const Failure&) {});
}

Result<std::vector<core::Case>> CaseWriter::read_rows(Session& session,
                                                      const std::vector<core::RequestId>& requests,
                                                      const std::function<void(const Failure&)>& unreadable) {
    std::vector<core::Case> cases;
    if (requests.empty()) return cases;
    std::vector<std::string> none_known(requests.size(), "0");
    const app::Seals* seals = nullptr;
    auto rows = in_session<pqxx::result>([&]() -> Sql<pqxx::result> {
        auto known_seals = sealing_.of(session);
        if (!known_seals) return std::unexpected(known_seals.error());
        seals = *known_seals;
        return session.run(read_cases, Arguments::of(requests, none_known, requests.size()));
    });
    if (!rows) return pass(rows);
    for (const auto& row : *rows) {
        StoredCasePtr known;
        auto taken = take_in(known, row, *seals);
        if (taken && *taken == Taken::whole) {
            cases.push_back(std::move(known->c));
            continue;
        }
        Failure failure =
            taken ? Failure{Trouble::corrupt, "a request has fewer entries than its state says", {}, {}}
                  : taken.error();
        if (auto id = request_of(row)) quarantine(session, *id, failure);
        unreadable(failure);
    }
    auto added = in_session<Done>([&] { return add_earlier(session, cases, *seals); });
    if (!added) return pass(added);
    return cases;
}

void CaseWriter::quarantine(Session& session, const core::RequestId& request, const Failure& failure) {
    if (failure.trouble != Trouble::corrupt || failure.code == "quarantined") return;
    log::error("pg", "request {} does not hold together and is set aside: {}", request.text(),
               failure.detail);
    static_cast<void>(session.run(set_aside, Arguments::of(request)));
}

}  // namespace countersign::pg
