#pragma once

namespace faultline::bench {

// The published tables of the field on its own streams, every detector with one setting for all of
// them: ours as rows of figures, the classic ones beside them. Figures that others published are
// written out with them.

// Labelled drifts: naive Bayes tested and then trained on every row, and begun anew on an alarm.
void PrintTornado();
// Standard score of the Numenta Anomaly Benchmark.
void PrintNab();
// F1 and cover of the Turing change-point dataset.
void PrintTcpd();

}  // namespace faultline::bench
