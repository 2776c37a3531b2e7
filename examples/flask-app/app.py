"""A small Flask application: a template, JSON, a form, an upload and a streaming response."""

import hashlib
import time

from flask import Flask, Response, abort, jsonify, redirect, render_template, request, url_for

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024 * 1024  # bytes of a request body; more is 413

# Load lines of a ship's Plimsoll mark; centimetres above (+) or below (-) the summer line.
LINES = {
    "TF": ("Tropical fresh water", 35),
    "F": ("Fresh water", 18),
    "T": ("Tropical sea water", 17),
    "S": ("Summer sea water", 0),
    "W": ("Winter sea water", -17),
    "WNA": ("Winter North Atlantic", -22),
}


@app.get("/")
def index():
    return render_template("index.html", lines=LINES, greeting=request.args.get("greeting"))


@app.get("/api/lines")
def lines():
    return jsonify({code: {"name": name, "cm": cm} for code, (name, cm) in LINES.items()})


@app.get("/api/lines/<code>")
def line(code):
    if code not in LINES:
        return jsonify(error=f"no load line is called {code}", known=sorted(LINES)), 404
    name, cm = LINES[code]
    return jsonify(code=code, name=name, cm=cm)


@app.post("/api/echo")
def echo():
    return jsonify(received=request.get_json())


@app.post("/greet")
def greet():
    name = request.form.get("name", "").strip()
    if not name:
        abort(400, "the field name is empty")
    return redirect(url_for("index", greeting=name))


@app.post("/upload")
def upload():
    file = request.files.get("file")
    if file is None:
        abort(400, "the form has no file")
    digest = hashlib.sha256()
    size = 0
    while block := file.stream.read(65536):
        digest.update(block)
        size += len(block)
    return jsonify(name=file.filename, bytes=size, sha256=digest.hexdigest())


@app.get("/stream")
def stream():
    def blocks():
        for code, (name, cm) in LINES.items():
            yield f"{code}\t{cm:+d} cm\t{name}\n"
            time.sleep(0.05)

    return Response(blocks(), mimetype="text/plain")
