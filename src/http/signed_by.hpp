#pragma once
#include <functional>
#include <utility>

#include "countersign/base/signing.hpp"
#include "countersign/rt/workbench.hpp"

namespace countersign::http {

// Does what this signer signs: here, or beside the loop where signing takes its time. `signer` outlives it.
template <class T>
Later<T> signed_by(rt::Workbench* bench, const Signer& signer, std::function<Result<T>(const Signer&)> work) {
    if (bench == nullptr) co_return work(signer);
    co_return co_await rt::work<T>(*bench, signer.slow(),
                                   [&signer, work = std::move(work)](rt::Bench&) { return work(signer); });
}

}  // namespace countersign::http
