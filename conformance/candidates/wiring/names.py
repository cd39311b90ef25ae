"""What other people call things: classes, constructor arguments, parameters.

The keys are the specs' names; the values what else is found in the wild, the likelier first. Names
are compared without underscores and capitals: ``in_features``, ``inFeatures`` and ``InFeatures``
are one name, so it stands here once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

CLASSES: Mapping[str, tuple[str, ...]] = {
    "Linear": ("Dense", "FullyConnected", "Affine", "LinearLayer", "DenseLayer", "FC",
               "FullyConnectedLayer", "AffineLayer", "LayerDense", "InnerProduct"),
    "Conv2d": ("Convolution2d", "Conv", "Convolution", "ConvLayer", "ConvolutionLayer",
               "Conv2dLayer", "ConvolutionalLayer", "Convolutional", "SlowConv2d",
               "SpatialConvolution"),
    "MaxPool2d": ("MaxPooling2d", "MaxPool", "MaxPooling", "MaxPoolLayer", "MaxPoolingLayer",
                  "MaxPool2dLayer", "Pooling", "SlowMaxPool2d", "SpatialMaxPooling"),
    "Flatten": ("FlattenLayer", "Flattening", "FlattenLayer2d"),
    "Identity": ("IdentityLayer",),
    "ReLU": ("ReLULayer", "ReLUActivation", "ActivationReLU", "Rectifier", "RectifiedLinear"),
    "LeakyReLU": ("LReLU", "LeakyReLULayer", "ActivationLeakyReLU"),
    "ELU": ("ELULayer", "ExponentialLinear", "ActivationELU"),
    "Softplus": ("SoftplusLayer", "ActivationSoftplus"),
    "Sigmoid": ("Logistic", "SigmoidLayer", "SigmoidActivation", "ActivationSigmoid"),
    "Tanh": ("TanhLayer", "HyperbolicTangent", "TanhActivation", "ActivationTanh"),
    "Softmax": ("SoftmaxLayer", "SoftmaxActivation", "ActivationSoftmax"),
    "LogSoftmax": ("LogSoftmaxLayer", "ActivationLogSoftmax"),
    "BatchNorm1d": ("BatchNorm", "BatchNormalization", "BatchNormalization1d", "BatchNormLayer",
                    "BatchNormalizationLayer", "BN", "BatchNorm1dLayer"),
    "BatchNorm2d": ("BatchNormalization2d", "SpatialBatchNorm", "SpatialBatchNormalization",
                    "BatchNorm2dLayer", "BatchNorm", "BatchNormalization", "BN"),
    "ChannelwiseScaling": ("ChannelScaling", "ChannelwiseScale", "ScaleShift"),
    "Dropout": ("DropoutLayer", "InvertedDropout"),
    "MSELoss": ("MSE", "MSECriterion", "MeanSquaredError", "MeanSquaredErrorLoss", "LossMSE",
                "SquaredError", "L2Loss", "MeanSquareError", "MeanSquaredLoss"),
    "NLLLoss": ("NLL", "ClassNLLCriterion", "NLLCriterion", "NegativeLogLikelihood", "ClassNLL",
                "NegativeLogLikelihoodLoss"),
    "NLLLossOnProbabilities": ("ClassNLLCriterionUnstable", "ClassNLLUnstable", "NLLLossUnstable",
                               "UnstableNLLLoss", "UnstableClassNLLCriterion"),
    "CrossEntropyLoss": ("CrossEntropy", "CrossEntropyCriterion", "SoftmaxCrossEntropy",
                         "SoftmaxCrossEntropyLoss", "CrossEntropyWithLogits",
                         "CrossEntropyLossWithLogits", "SoftmaxWithLoss", "SoftmaxLoss",
                         "CrossEntropyLogits", "CrossEntropyLayer"),
    "CrossEntropyLossOnProbabilities": ("CrossEntropyOnProbabilities", "CategoricalCrossEntropy",
                                        "CategoricalCrossEntropyLoss", "ProbabilityCrossEntropy",
                                        "LossCategoricalCrossEntropy"),
    "Sequential": ("Sequence", "SequentialModel", "SequentialContainer"),
    "SGD": ("GradientDescent", "StochasticGradientDescent", "SGDMomentum", "SGDOptimizer",
            "MomentumSGD", "OptimizerSGD"),
    "Adam": ("AdamOptimizer", "OptimizerAdam"),
    "AdamW": ("AdamWOptimizer",),
    "RAdam": ("RectifiedAdam", "RAdamOptimizer"),
    "RMSprop": ("RMSpropOptimizer", "OptimizerRMSprop"),
    "Adagrad": ("AdagradOptimizer", "OptimizerAdagrad"),
    "ExpoLR": ("ExpoScheduler",),
    "LinearDecayLR": ("LinearDecay",),
    "TimeBasedLR": ("TimeBasedDecay", "TimeBased"),
    "StepLR": ("StepDecay",),
    "FixedLR": ("FixedRate",),
}  # fmt: skip

# Functions have shorter names: the stem that ``_forward`` and ``grad_`` are put around.
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "Linear": ("affine", "dense", "fully_connected", "fc", "linear_layer"),
    "Conv2d": ("conv", "convolution", "conv_2d", "convolve"),
    "MaxPool2d": ("max_pool", "max_pooling", "pool", "maxpooling"),
    "ReLU": ("rectifier",),
    "LeakyReLU": ("lrelu",),
    "Sigmoid": ("logistic", "sigm"),
    "Tanh": ("hyperbolic_tangent",),
    "BatchNorm1d": ("batchnorm", "batch_normalization", "bn"),
    "BatchNorm2d": ("spatial_batchnorm", "spatial_batch_norm"),
    "SGD": ("sgd_momentum", "gradient_descent", "sgd_with_momentum", "momentum_sgd", "sgd_update"),
    "Adam": ("adam_optimizer", "adam_update"),
    "RMSprop": ("rms_prop", "rmsprop_optimizer"),
    "MSELoss": ("mse", "mean_squared_error", "squared_loss", "l2_loss", "quadratic_loss",
                "mean_square_error"),
    "NLLLoss": ("nll", "negative_log_likelihood"),
    "CrossEntropyLoss": ("cross_entropy", "softmax_loss", "softmax_cross_entropy",
                         "softmax_cross_entropy_loss", "cross_entropy_with_logits",
                         "softmax_crossentropy_with_logits", "crossentropy_with_logits"),
}  # fmt: skip

_WIDTHS = ("in_size", "input_size", "input_dim", "in_dim", "n_in", "nin", "num_in", "n_inputs",
           "num_inputs", "n_input", "num_input", "inputs", "fan_in", "dim_in", "size_in",
           "in_units", "input_units", "input_features", "num_in_features", "n_input_features",
           "d_in", "in_n", "input_shape")  # fmt: skip
_HEIGHTS = ("out_size", "output_size", "output_dim", "out_dim", "n_out", "nout", "num_out",
            "n_outputs", "num_outputs", "n_output", "num_output", "outputs", "fan_out", "dim_out",
            "size_out", "out_units", "output_units", "output_features", "num_out_features",
            "units", "n_neurons", "neurons", "hidden_size", "d_out", "out_n", "n_units",
            "num_units", "output_shape")  # fmt: skip

# An argument of a spec, and the names that stand for it; where one stands for something else that
# can be computed from it (a keep probability), the expression is given with it.
ARGUMENTS: Mapping[str, tuple[str | tuple[str, str], ...]] = {
    "in_features": ("in_channels", *_WIDTHS),
    "out_features": ("out_channels", *_HEIGHTS),
    "bias": ("use_bias", "with_bias", "has_bias", "add_bias"),
    "in_channels": (*_WIDTHS, "n_channels", "channels_in", "num_channels", "input_channels",
                    "n_in_channels", "c_in", "in_c", "channels", "in_filters"),
    "out_channels": ("n_filters", "num_filters", "filters", "out_filters", "channels_out",
                     "output_channels", "n_out_channels", "n_kernels", "num_kernels", "c_out",
                     "out_c", "depth", *_HEIGHTS),
    "kernel_size": ("filter_size", "ksize", "kernel", "kernel_shape", "filter_shape", "k",
                    "window", "window_size", "pool_size", "pool", "size", "f"),
    "stride": ("strides", "step", "s"),
    "padding": ("pad", "paddings"),
    "dilation": ("dilations",),
    "groups": ("n_groups", "num_groups"),
    "num_features": ("n_features", "features", "dim", "n_out", "num_channels", "channels", "size",
                     "input_dim", "input_size", "in_features", "num_feats", "n_channels", "d",
                     "n_in", "c", "shape"),
    "eps": ("epsilon",),
    "p": ("dropout_rate", "rate", "drop_prob", "drop_rate", "dropout", "prob", "probability",
          "dropout_prob", "dropout_probability", "p_drop", "drop_probability", "ratio",
          "dropout_ratio", ("keep_prob", "1 - p"), ("p_keep", "1 - p"), ("keep_rate", "1 - p"),
          ("keep_probability", "1 - p")),
    "negative_slope": ("slope", "alpha", "leak", "leakiness", "a"),
    "alpha": ("decay_rate", "rho", "smoothing", "a"),
    "dim": ("axis",),
    "weight": ("class_weight", "class_weights", "weights"),
    "reduction": ("reduce",),
    "label_smoothing": ("smoothing", "smooth"),
    "ignore_index": ("ignore", "ignored_index", "ignore_label"),
    "track_running_stats": ("running_stats", "track_stats"),
    "lr": ("learning_rate", "eta", "lrate", "learningrate"),
    "momentum": ("mu", "momentum_factor"),
    "weight_decay": ("wd", "l2", "decay"),
    "nesterov": ("use_nesterov",),
    "betas": (("beta1", "betas[0]"), ("beta2", "betas[1]"), ("b1", "betas[0]"),
              ("b2", "betas[1]")),
}  # fmt: skip

TENSORS: Mapping[str, tuple[str, ...]] = {
    "weight": ("weights", "W", "kernel", "kernels", "filters", "gamma", "scale", "theta", "filter",
               "g"),
    "bias": ("biases", "b", "beta", "shift", "offset"),
    "running_mean": ("moving_mean", "running_mu", "mean_running", "moving_average_mean",
                     "running_avg", "running_average", "mean_ema", "mu_running", "avg_mean",
                     "running_m"),
    "running_var": ("running_variance", "moving_var", "moving_variance", "var_running",
                    "running_sigma2", "moving_average_variance", "var_ema", "avg_var",
                    "running_sigma", "running_v"),
}  # fmt: skip


def normalised(name: str) -> str:
    """A name without what spellings differ in."""
    return name.replace("_", "").lower()


def spellings(name: str, table: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A name and its synonyms, normalised, the likelier first."""
    return list(dict.fromkeys(map(normalised, (name, *table.get(name, ())))))


def rank(name: str, known: Iterable[str]) -> int | None:
    """The place of a name among spellings; None if it is not one of them."""
    order = list(known)
    return order.index(normalised(name)) if normalised(name) in order else None


def argument_spellings(name: str) -> dict[str, str]:
    """From the normalised names of an argument to the expression that each takes."""
    found = {normalised(name): name}
    for entry in ARGUMENTS.get(name, ()):
        theirs, expression = (entry, name) if isinstance(entry, str) else entry
        found.setdefault(normalised(theirs), expression)
    return found
