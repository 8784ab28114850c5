from pathlib import Path

from convert.emit_aot import emit_model
from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import load_board
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.listening import listening_sources
from simulate.tflm import TflmBackend
from train import augment, datasets, evaluate, features, fit, keras, models, quantization

words, fe = ("yes", "no", "stop"), FrontEnd()
speech = datasets.load([datasets.SyntheticSource(clips_per_word=150)], words, seed=1)
data = features.training_data(speech, fe, augment.Augmentation(), copies=4, seed=1)
keras.start(seed=1)
net = models.ModelSpec("cnn_digits", width=16, dense=32)
model = models.build_model(net, (fe.frames(16000), fe.width), len(words))
fit.fit(model, data.train, data.validation, fit.FitSpec(epochs=10), seed=1)
tflite = quantization.quantize(model, data, quantization.PtqInt8(), seed=1).tflite
test = features.clean_examples(speech, "test", features.HostFrontEnd(fe))
outputs = evaluate.run_tflite(tflite, test.features)
print("accuracy", evaluate.score(outputs, test.labels, words).accuracy)
c, board = emit_model(read(tflite), labels=words), load_board("mps2-an386")
more, out = listening_sources(read(tflite), words, fe, samples=16000), Path("build/script")
image = build_application(c.files, emit_frontend(fe), board, listening=more, out_dir=out)
x, chip = test.features[:5, ..., None], CortexMBackend(image, c)
print(compare(TflmBackend(tflite).run(x), chip.run(x), read(tflite), ("tflm", "cortex-m")))
