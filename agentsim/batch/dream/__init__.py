"""One net that recognises digits and dreams them; whoever has seen only its dreams is asked about real ones.

`settings` says what a training is, `task` trains the net of `brains.eqprop.dream`, `judging` measures images, `study`
puts all in a table beside trivial controls; `kept` is a trained net as a file, `drawn` what it dreams as a picture.
"""
